#!/bin/sh
# Compiles mining.cu to mining.ptx, which is committed: users need a driver and no compiler. Wants nvcc and ptxas of CUDA 13.
# The lowest target of that compiler is compute_75; its header asks for a driver of the same age as the compiler, although
# nothing newer than version 6.5 is used, so the header is lowered, and ptxas is asked whether that holds on every card.
# What ptxas says of registers and spills is kept with the results of the benchmarks.
set -eu
cd "$(dirname "$0")"
ptx=../resources/org/openface/triplet/internal/cuda/mining.ptx
said=../../../../benchmarks/results/mining-ptxas.txt
nvcc -ptx -arch=compute_75 -fmad=false -o mining.tmp mining.cu
{
    echo "// source sha256 $(sha256sum mining.cu | cut -d' ' -f1)"
    sed 's/^\.version .*/.version 6.5/' mining.tmp
} > "$ptx"
rm mining.tmp
{
    echo "mining.cu, sha256 $(sha256sum mining.cu | cut -d' ' -f1)"
    ptxas --version | grep release
    for card in 75 80 86 87 88 89 90 100 120; do
        ptxas -v -arch=sm_$card -o /dev/null "$ptx" 2>&1 | awk -v card=sm_$card '
            /error/ { print }
            /Compiling entry/ { split($0, part, "\047"); kernel = part[2] }
            /spill/ { spill = $1 " bytes stack, " $5 " + " $9 " bytes spilled" }
            /Used/ { used = $0; sub(/.*Used /, "", used); printf "%-7s %-17s %s, %s\n", card, kernel, spill, used }'
    done
} > "$said"
cat "$said"
if ! grep -q spilled "$said" || grep error "$said" || grep spilled "$said" | grep -v ' 0 + 0 bytes spilled'; then
    echo "ptxas refuses it, or registers are spilled" >&2
    exit 1
fi
