#!/bin/sh
# Packs the proof of mining on a GPU for a machine that has NVIDIA's driver and neither JDK nor Maven nor network: our jars, a
# Java runtime, and what to run. After `mvn -DskipTests package`:
#
#   benchmarks/gpu-proof.sh
#
# makes benchmarks/target/gpu-proof.tar.xz (about 20 MB). On the machine with the GPU:
#
#   tar xf gpu-proof.tar.xz && gpu-proof/prove.sh
set -eu
cd "$(dirname "$0")"
[ -f target/benchmarks.jar ] || { echo "first: mvn -DskipTests package" >&2; exit 1; }
kit=target/gpu-proof
rm -rf "$kit" "$kit.tar.xz"
mkdir -p "$kit/lib"
jlink --add-modules java.base,java.logging,java.management,jdk.management,jdk.unsupported \
    --strip-debug --no-header-files --no-man-pages --compress=0 --output "$kit/runtime"
cp target/benchmarks.jar "$kit/lib/"
for library in openface-core openface-triplet guava-33 failureaccess jna jmh-core jopt-simple commons-math3; do
    cp target/lib/$library[-.][0-9]*.jar "$kit/lib/"
done
cp src/main/gpu-proof/* "$kit/"
chmod +x "$kit/prove.sh"
tar -C target -cf - gpu-proof | xz -6 -T0 > "$kit.tar.xz"
bytes=$(wc -c < "$kit.tar.xz")
echo "$PWD/$kit.tar.xz, $bytes bytes"
[ "$bytes" -lt 67108864 ] || { echo "more than 64 MiB" >&2; exit 1; }
