#!/bin/sh
# Proves mining on this machine's GPU and measures it; part of the kit that benchmarks/gpu-proof.sh packs.
#
# prove.sh [STEP...]      parity, check, time, jmh, torch; all of them without an argument
#
# Ends with 0 if everything asked for was done and went well. What is printed is kept in results/, in a file named after the card and its driver. SIZES, a list of batch sizes, and
# CUDA_LIBRARY, the driver's path, may be set.
set -u
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- parity check time jmh torch
sizes=${SIZES:-"300 1800 10000 100000"}
card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -1 | tr -c 'A-Za-z0-9.\n' '-')
mkdir -p results
log=results/${card:-no-card}.txt
failed=$(mktemp)
skipped=$(mktemp)

proof() {
    runtime/bin/java -Xmx8g ${CUDA_LIBRARY:+-Dopenface.cuda.library=$CUDA_LIBRARY} -cp 'lib/*' "$@"
}

up_to() { # LARGEST: the sizes up to it
    for size in $sizes; do [ "$size" -gt "$1" ] || printf '%s ' "$size"; done
}

prove() {
    echo "# $(uname -srm), $(date -u +%Y-%m-%dT%H:%MZ), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2)"
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv 2>/dev/null
    for step in "$@"; do
        echo "## $step"
        case $step in
        parity) # CPU against GPU, index by index and bit by bit
            proof org.openface.benchmarks.GpuProof parity $(up_to 10000) || echo parity >> "$failed" ;;
        check) # out of bounds, races, uninitialised memory, barriers
            if command -v compute-sanitizer > /dev/null; then
                for tool in memcheck racecheck initcheck synccheck; do
                    compute-sanitizer --tool $tool --error-exitcode 9 runtime/bin/java -XX:+UseSerialGC \
                        ${CUDA_LIBRARY:+-Dopenface.cuda.library=$CUDA_LIBRARY} -cp 'lib/*' org.openface.benchmarks.GpuProof small \
                        || echo $tool >> "$failed"
                done
            else
                echo "compute-sanitizer is not here (it comes with CUDA's toolkit)"
                echo check >> "$skipped"
            fi ;;
        time) # by our clock and by the GPU's
            proof org.openface.benchmarks.GpuProof time $sizes || echo time >> "$failed" ;;
        jmh)
            proof org.openjdk.jmh.Main -wi 2 -w 1 -i 3 -r 1 -f 1 -foe true \
                ${CUDA_LIBRARY:+-jvmArgsAppend -Dopenface.cuda.library=$CUDA_LIBRARY} -p device=CPU,CUDA \
                -p size="$(up_to 10000 | sed 's/ $//; s/ /,/g')" 'MiningBenchmark.(openFace|faceNet|batchHard|openFaceWithGradient)$' \
                || echo jmh >> "$failed"
            case " $sizes " in *" 100000 "*)
                proof org.openjdk.jmh.Main -wi 1 -w 1 -i 3 -r 1 -f 1 -foe true \
                    ${CUDA_LIBRARY:+-jvmArgsAppend -Dopenface.cuda.library=$CUDA_LIBRARY} -p device=CUDA -p size=100000 \
                    'MiningBenchmark.openFaceWithGradient$' || echo jmh >> "$failed" ;;
            esac ;;
        torch)
            if python3 -c 'import torch; assert torch.cuda.is_available()' 2> /dev/null; then
                python3 mining_torch_gpu.py $sizes || echo torch >> "$failed"
            else
                echo "no PyTorch that sees a GPU here"
                echo torch >> "$skipped"
            fi ;;
        *) echo "no such step: $step"; echo "$step" >> "$failed" ;;
        esac
    done
    echo "## asked: $*; failed: $(tr '\n' ' ' < "$failed"); not done: $(tr '\n' ' ' < "$skipped")"
}

prove "$@" 2>&1 | tee -a "$log"
[ ! -s "$failed" ] && [ ! -s "$skipped" ]
