#!/bin/sh
# Compiles mining.cu to mining.ptx, which is committed: users need a driver and no compiler. Wants nvcc and ptxas of CUDA 13.
# The lowest target of that compiler is compute_75; its header asks for a driver of the same age as the compiler, although
# nothing newer than version 6.5 is used, so the header is lowered, and ptxas is asked whether that holds on every card.
set -eu
cd "$(dirname "$0")"
nvcc -ptx -arch=compute_75 -fmad=false -o mining.tmp mining.cu
{
    echo "// source sha256 $(sha256sum mining.cu | cut -d' ' -f1)"
    sed 's/^\.version .*/.version 6.5/' mining.tmp
} > mining.ptx
rm mining.tmp
for card in 75 80 86 89 90; do
    echo "sm_$card"
    ptxas -v -arch=sm_$card -o /dev/null mining.ptx 2>&1 | grep -E 'error|registers|spill'
done
