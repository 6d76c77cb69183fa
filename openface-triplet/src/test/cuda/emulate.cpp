// Runs the kernels of mining.cu on the processor, with the source as it is: each CUDA thread of a block is a fibre, and
// __syncthreads lets the next one run. Blocks run one after the other, so a block's shared memory can be static.
//
// emulate INPUT OUTPUT: both files hold 32-bit words in the machine's order. Input: total, dimension, pairs, band, margin
// (float), key (two words, the low one first), embeddings, identities, anchors, positives. Output: negatives, eligible.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <ucontext.h>
#include <vector>

struct Index {
    unsigned x, y;
};
static Index threadIdx, blockIdx, blockDim;

#define __device__
#define __global__
#define __shared__ static
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(threads)

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int __float_as_int(float value) { int bits; memcpy(&bits, &value, 4); return bits; }
static float __int_as_float(int bits) { float value; memcpy(&value, &bits, 4); return value; }
static int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
static int __ffsll(long long value) { return __builtin_ffsll(value); }
static unsigned __umulhi(unsigned a, unsigned b) { return (unsigned) ((unsigned long long) a * b >> 32); }
static void __syncthreads();

#include KERNELS

static const int STACK = 64 * 1024;
static ucontext_t scheduler;
static std::vector<ucontext_t> fibres;
static std::vector<bool> done;
static std::function<void()> kernel;
static unsigned current;

static void __syncthreads() {
    swapcontext(&fibres[current], &scheduler);
    threadIdx.x = current;
}

static void fibre() {
    kernel();
    done[current] = true;
    swapcontext(&fibres[current], &scheduler);
}

static void launch(unsigned gridX, unsigned gridY, unsigned threads, std::function<void()> work) {
    static std::vector<char> stacks;
    stacks.resize((size_t) threads * STACK);
    kernel = work;
    blockDim.x = threads;
    for (blockIdx.y = 0; blockIdx.y < gridY; blockIdx.y++) {
        for (blockIdx.x = 0; blockIdx.x < gridX; blockIdx.x++) {
            fibres.assign(threads, ucontext_t());
            done.assign(threads, false);
            for (unsigned t = 0; t < threads; t++) {
                getcontext(&fibres[t]);
                fibres[t].uc_stack.ss_sp = &stacks[(size_t) t * STACK];
                fibres[t].uc_stack.ss_size = STACK;
                makecontext(&fibres[t], fibre, 0);
            }
            for (bool running = true; running;) {
                running = false;
                // Backwards in every second round, so that a missing barrier shows.
                static bool backwards = false;
                backwards = !backwards;
                for (unsigned i = 0; i < threads; i++) {
                    current = backwards ? threads - 1 - i : i;
                    if (!done[current]) {
                        threadIdx.x = current;
                        swapcontext(&scheduler, &fibres[current]);
                        running = true;
                    }
                }
            }
        }
    }
}

int main(int, char** arguments) {
    FILE* input = fopen(arguments[1], "rb");
    std::vector<int> words;
    for (int word; fread(&word, 4, 1, input) == 1;) {
        words.push_back(word);
    }
    int total = words[0], dimension = words[1], pairs = words[2], band = words[3];
    float margin = __int_as_float(words[4]);
    u64 key = (u32) words[5] | (u64) (u32) words[6] << 32;
    const float* embeddings = (const float*) &words[7];
    const int* identities = &words[7] + (size_t) total * dimension;
    const int* anchors = identities + total;
    const int* positives = anchors + pairs;
    std::vector<int> starts(total + 1);
    for (int p = 0; p < pairs; p++) {
        starts[anchors[p] + 1]++;
    }
    for (int i = 0; i < total; i++) {
        starts[i + 1] += starts[i];
    }
    int tiles = (total + TILE - 1) / TILE;
    std::vector<int> from(pairs), to(pairs), negatives(pairs), eligible(pairs);
    std::vector<u64> masks((size_t) tiles * pairs);
    unsigned blocks = (pairs + THREADS - 1) / THREADS;
    launch(blocks, 1, THREADS, [&] {
        pair_bounds(embeddings, dimension, anchors, positives, pairs, margin, band, from.data(), to.data());
    });
    launch(tiles, tiles, THREADS, [&] {
        eligible_masks(embeddings, identities, total, dimension, starts.data(), anchors, from.data(), to.data(), pairs,
                masks.data());
    });
    launch(blocks, 1, THREADS, [&] {
        choose_negatives(masks.data(), tiles, anchors, positives, pairs, key, negatives.data(), eligible.data());
    });
    FILE* output = fopen(arguments[2], "wb");
    fwrite(negatives.data(), 4, pairs, output);
    fwrite(eligible.data(), 4, pairs, output);
    return fclose(output);
}
