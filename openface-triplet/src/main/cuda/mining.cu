// One random negative for each pair, on a GPU: the same choice as MiningPass makes, bit for bit.
//
// Three kernels, launched in this order: pair_bounds, eligible_masks, choose_negatives. The first turns each pair into an
// interval of squared distances, as Band does. The second computes distances in tiles of 64 anchors by 64 images that
// never leave the processor, and leaves of them one bit for each (pair, image): whether the image is eligible. The third
// counts a pair's bits, draws one number and takes the image at that rank in the order of the batch.
//
// Why the results are equal: a distance is one chain of fused multiply-adds in the order of the components, with the
// difference rounded first, here and in MiningBatch (compile with -fmad=false, or the compiler fuses more); distances are
// compared as integers; and the draw is integer arithmetic on (key, anchor, positive), so that it does not matter who
// draws when. Nothing is added up by atomics.
//
// Buffers: embeddings [total][dimension] and identities [total], the batch first and then its references; pairs in
// ascending order of anchors, those of anchor a at starts[a] to starts[a + 1] - 1 (starts holds total + 1 numbers).

typedef unsigned int u32;
typedef unsigned long long u64;

#define TILE 64     // anchors, and images, of a tile; bits of a word
#define COMPONENTS 32  // components of the embeddings that are on chip at a time
#define THREADS 256

// Flags of Band.
#define VIOLATING 1
#define EASY 2
#define BEYOND_POSITIVE 4
#define NOT_BEYOND_POSITIVE 8

#define BEYOND_ALL 0x7f800001  // more than the bits of infinity

__device__ __forceinline__ float squared_distance(const float* a, const float* b, int dimension) {
    float sum = 0;
    for (int k = 0; k < dimension; k++) {
        float t = a[k] - b[k];
        sum = fmaf(t, t, sum);
    }
    return sum;
}

// SplitMix64's finaliser, as in Draw.
__device__ __forceinline__ u64 mix(u64 value) {
    u64 z = value + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

// Band.met: the least distance that satisfies the constraint in float arithmetic. Distances are not negative, so the next
// float is the one with the next bits.
__device__ __forceinline__ int met(float ap, float margin) {
    int an = __float_as_int(ap + margin);
    while (an > 0 && __int_as_float(an - 1) - ap >= margin) {
        an--;
    }
    while (__int_as_float(an) - ap < margin) {
        an++;
    }
    return an;
}

extern "C" __global__ void pair_bounds(
        const float* __restrict__ embeddings, int dimension, const int* __restrict__ anchors,
        const int* __restrict__ positives, int pairs, float margin, int band, int* __restrict__ from,
        int* __restrict__ to) {
    int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= pairs) {
        return;
    }
    float ap = squared_distance(
            embeddings + (size_t) anchors[pair] * dimension, embeddings + (size_t) positives[pair] * dimension, dimension);
    int positive = __float_as_int(ap);
    int bound = met(ap, margin);
    from[pair] = max(band & BEYOND_POSITIVE ? positive + 1 : 0, band & EASY ? bound : 0);
    to[pair] = min(
            band & NOT_BEYOND_POSITIVE ? positive + 1 : BEYOND_ALL, band & VIOLATING ? bound : BEYOND_ALL);
}

// Grid: (tiles of images, tiles of anchors); block: THREADS. masks: [tiles of images][pairs].
extern "C" __global__ void __launch_bounds__(THREADS) eligible_masks(
        const float* __restrict__ embeddings, const int* __restrict__ identities, int total, int dimension,
        const int* __restrict__ starts, const int* __restrict__ anchors, const int* __restrict__ from,
        const int* __restrict__ to, int pairs, u64* __restrict__ masks) {
    __shared__ float anchorPart[COMPONENTS][TILE + 4];
    __shared__ float imagePart[COMPONENTS][TILE + 4];
    __shared__ int distances[TILE][TILE + 1];
    const int thread = threadIdx.x;
    const int anchor0 = blockIdx.y * TILE;
    const int image0 = blockIdx.x * TILE;
    const int firstPair = starts[min(anchor0, total)];
    const int lastPair = starts[min(anchor0 + TILE, total)];
    if (firstPair == lastPair) {
        return;  // the whole block: nobody waits below
    }
    // Each thread: the distances of 4 anchors and 4 images.
    const int row = thread / 16 * 4;
    const int column = thread % 16 * 4;
    float sum[4][4] = {};
    for (int k0 = 0; k0 < dimension; k0 += COMPONENTS) {
        for (int i = thread; i < TILE * COMPONENTS; i += THREADS) {
            int lane = i / COMPONENTS;
            int k = i % COMPONENTS;
            // Beyond the end zeros: their difference adds nothing to a distance.
            bool inside = k0 + k < dimension;
            anchorPart[k][lane] = inside && anchor0 + lane < total
                    ? embeddings[(size_t) (anchor0 + lane) * dimension + k0 + k] : 0;
            imagePart[k][lane] = inside && image0 + lane < total
                    ? embeddings[(size_t) (image0 + lane) * dimension + k0 + k] : 0;
        }
        __syncthreads();
        for (int k = 0; k < COMPONENTS; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    float t = anchorPart[k][row + i] - imagePart[k][column + j];
                    sum[i][j] = fmaf(t, t, sum[i][j]);
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) {
            int anchor = anchor0 + row + i;
            int image = image0 + column + j;
            bool negative = anchor < total && image < total && identities[anchor] != identities[image];
            distances[row + i][column + j] = negative ? __float_as_int(sum[i][j]) : 0x7fffffff;
        }
    }
    __syncthreads();
    for (int pair = firstPair + thread; pair < lastPair; pair += THREADS) {
        const int* own = distances[anchors[pair] - anchor0];
        int low = from[pair];
        int high = to[pair];
        u64 mask = 0;
        for (int j = 0; j < TILE; j++) {
            mask |= (u64) (own[j] >= low && own[j] < high) << j;
        }
        masks[(size_t) blockIdx.x * pairs + pair] = mask;
    }
}

// negatives: the chosen image, or -1 where none is eligible; eligible: how many are.
extern "C" __global__ void choose_negatives(
        const u64* __restrict__ masks, int tiles, const int* __restrict__ anchors, const int* __restrict__ positives,
        int pairs, u64 key, int* __restrict__ negatives, int* __restrict__ eligible) {
    int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= pairs) {
        return;
    }
    int count = 0;
    for (int tile = 0; tile < tiles; tile++) {
        count += __popcll(masks[(size_t) tile * pairs + pair]);
    }
    eligible[pair] = count;
    negatives[pair] = -1;
    if (count == 0) {
        return;
    }
    u64 own = mix(key + ((u64) anchors[pair] << 32 | (u32) positives[pair]));
    int rank = __umulhi((u32) (mix(own) >> 32), (u32) count);
    for (int tile = 0; ; tile++) {
        u64 mask = masks[(size_t) tile * pairs + pair];
        int here = __popcll(mask);
        if (rank < here) {
            for (; rank > 0; rank--) {
                mask &= mask - 1;
            }
            negatives[pair] = tile * TILE + __ffsll((long long) mask) - 1;
            return;
        }
        rank -= here;
    }
}
