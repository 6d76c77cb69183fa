// Triplet mining and the gradient of the loss on a GPU: the same bits as MiningPass and TripletLoss.
//
// Mining is done in chunks of runs (a run is a stretch of pairs with one anchor), so that scratch memory stays bounded.
//   pair_bounds      each pair becomes an interval of squared distances, as in Band
//   compare_tiles    distances in tiles of 64 runs by 64 images, which never leave the processor; of them stay one word
//                    for each (pair, tile) that says which images are eligible, one that counts violations, and two for
//                    each (run, tile)
//   choose_negatives one negative for each pair, and its violations
//   list_negatives   where all eligible ones are wanted: each of them
//   tally_runs       what a run adds to the statistics of mining
//
// The gradient of triplets whose weights are known:
//   count_uses, scan_uses, fill_uses, order_uses   for each image, the triplets it takes part in, in their order
//   add_gradients                                  their sum, in that order
//
// Why the results are equal: a distance is one chain of fused multiply-adds in the order of the components, with the
// difference rounded first, here and in MiningBatch (compile with -fmad=false, or the compiler fuses more); distances are
// compared as integers; the draw is integer arithmetic on (key, anchor, positive), so that it does not matter who draws
// when; and a gradient is added up in double in the order of the triplets, every operation rounded. Atomics only count, and
// what they leave in any order is put in order. Only the means of the statistics are rounded otherwise than in Java: within
// a tile of 64 images they are added up in float.
//
// Embeddings are [total][dimension] and identities [total], the batch first and then its references.

typedef unsigned int u32;
typedef unsigned long long u64;

#define TILE 64        // runs, and images, of a tile; bits of a word
#define COMPONENTS 32  // components of the embeddings that are on chip at a time
#define THREADS 256
#define SCAN_THREADS 1024
// Of compare_tiles on a multiprocessor: one waits for memory while the other computes. On Turing that is half of 64 KiB of
// shared memory and of 64 Ki registers each.
#define BLOCKS_AT_A_TIME 2

// Flags of Band.
#define VIOLATING 1
#define EASY 2
#define BEYOND_POSITIVE 4
#define NOT_BEYOND_POSITIVE 8

// Which of the eligible negatives of a pair.
#define RANDOM 0
#define HARDEST 1
#define SOFTEST 2
#define ALL 3

#define BEYOND_ALL 0x7f800001  // more than the bits of infinity
#define NO_NEGATIVE 0x7fffffff // more than that
#define NONE 0xffffffffffffffffull

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

// Of all pairs: squared distance, least distance that satisfies the constraint, first eligible distance and first beyond.
extern "C" __global__ void pair_bounds(
        const float* __restrict__ embeddings, int dimension, const int* __restrict__ anchors,
        const int* __restrict__ runs, const int* __restrict__ positives, int pairs, float margin, int band,
        float* __restrict__ distances, int* __restrict__ bounds, int* __restrict__ from, int* __restrict__ to) {
    int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= pairs) {
        return;
    }
    float ap = squared_distance(
            embeddings + (size_t) anchors[runs[pair]] * dimension, embeddings + (size_t) positives[pair] * dimension,
            dimension);
    int positive = __float_as_int(ap);
    int bound = met(ap, margin);
    distances[pair] = ap;
    bounds[pair] = bound;
    from[pair] = max(band & BEYOND_POSITIVE ? positive + 1 : 0, band & EASY ? bound : 0);
    to[pair] = min(
            band & NOT_BEYOND_POSITIVE ? positive + 1 : BEYOND_ALL, band & VIOLATING ? bound : BEYOND_ALL);
}

// Grid: (tiles of images, tiles of the chunk's runs); block: THREADS. Of the chunk, by [tile of images][pair]: eligible, a
// bit for each image, or for HARDEST and SOFTEST the best image with its distance above it (less is better, NONE if there is
// none); violations, their number above the float of their sum of (ap + margin - an). By [tile of images][run]: nearest, like
// HARDEST, and negatives, their number above the float of the sum of their distances.
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS_AT_A_TIME) compare_tiles(
        const float* __restrict__ embeddings, const int* __restrict__ identities, int total, int dimension,
        const int* __restrict__ anchors, const int* __restrict__ starts, const int* __restrict__ runs, int firstRun,
        int runCount, int firstPair, int pairCount, float margin, const float* __restrict__ distances,
        const int* __restrict__ bounds, const int* __restrict__ from, const int* __restrict__ to, int choice,
        u64* __restrict__ eligible, u64* __restrict__ violations, u64* __restrict__ nearest,
        u64* __restrict__ negatives) {
    // The embeddings are done with when the distances come: together they would not leave room for a second block.
    __shared__ union {
        struct {
            __align__(16) float anchor[COMPONENTS][TILE + 4];
            __align__(16) float image[COMPONENTS][TILE + 4];
        } part;
        int tile[TILE][TILE + 1];
    } chip;
    const int thread = threadIdx.x;
    const int run0 = firstRun + blockIdx.y * TILE;
    const int runs0 = min(TILE, firstRun + runCount - run0);
    const int image0 = blockIdx.x * TILE;
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
            chip.part.anchor[k][lane] = inside && lane < runs0
                    ? embeddings[(size_t) anchors[run0 + lane] * dimension + k0 + k] : 0;
            chip.part.image[k][lane] = inside && image0 + lane < total
                    ? embeddings[(size_t) (image0 + lane) * dimension + k0 + k] : 0;
        }
        __syncthreads();
        for (int k = 0; k < COMPONENTS; k++) {
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    float t = chip.part.anchor[k][row + i] - chip.part.image[k][column + j];
                    sum[i][j] = fmaf(t, t, sum[i][j]);
                }
            }
        }
        __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int identity = row + i < runs0 ? identities[anchors[run0 + row + i]] : 0;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            int image = image0 + column + j;
            bool negative = row + i < runs0 && image < total && identities[image] != identity;
            chip.tile[row + i][column + j] = negative ? __float_as_int(sum[i][j]) : NO_NEGATIVE;
        }
    }
    __syncthreads();
    const int pairEnd = starts[run0 + runs0];
    for (int pair = starts[run0] + thread; pair < pairEnd; pair += THREADS) {
        const int* own = chip.tile[runs[pair] - run0];
        int low = from[pair];
        int high = to[pair];
        int bound = bounds[pair];
        float limit = distances[pair] + margin;
        u64 best = choice == HARDEST || choice == SOFTEST ? NONE : 0;
        float hinges = 0;
        u32 count = 0;
        for (int j = 0; j < TILE; j++) {
            int d = own[j];
            bool inside = d >= low && d < high;
            if (choice == HARDEST || choice == SOFTEST) {
                u64 place = (u64) (choice == HARDEST ? d : BEYOND_ALL - d) << 32 | (u32) (image0 + j);
                best = inside && place < best ? place : best;
            } else {
                best |= (u64) inside << j;
            }
            bool violates = d < bound;
            count += violates;
            hinges += violates ? limit - __int_as_float(d) : 0;
        }
        size_t at = (size_t) blockIdx.x * pairCount + (pair - firstPair);
        eligible[at] = best;
        violations[at] = (u64) count << 32 | (u32) __float_as_int(hinges);
    }
    if (thread < runs0) {
        u64 least = NONE;
        float distanceSum = 0;
        u32 count = 0;
        for (int j = 0; j < TILE; j++) {
            int d = chip.tile[thread][j];
            if (d != NO_NEGATIVE) {
                u64 place = (u64) d << 32 | (u32) (image0 + j);
                least = place < least ? place : least;
                distanceSum += __int_as_float(d);
                count++;
            }
        }
        size_t at = (size_t) blockIdx.x * runCount + (run0 - firstRun + thread);
        nearest[at] = least;
        negatives[at] = (u64) count << 32 | (u32) __float_as_int(distanceSum);
    }
}

// Of a chunk's pairs: chosen, the negative, or -1 if none is eligible (ALL: how many are); its squared distance; how many
// violate the constraint, and the sum of (ap + margin - an) of these.
extern "C" __global__ void choose_negatives(
        const float* __restrict__ embeddings, int dimension, const u64* __restrict__ eligible,
        const u64* __restrict__ violations, int tiles, const int* __restrict__ anchors, const int* __restrict__ runs,
        const int* __restrict__ positives, int firstPair, int pairCount, u64 key, int choice, int* __restrict__ chosen,
        float* __restrict__ chosenDistances, int* __restrict__ violators, double* __restrict__ hinges) {
    int own = blockIdx.x * blockDim.x + threadIdx.x;
    if (own >= pairCount) {
        return;
    }
    int pair = firstPair + own;
    u64 best = NONE;
    int count = 0;
    int violating = 0;
    double hinge = 0;
    for (int tile = 0; tile < tiles; tile++) {
        u64 word = eligible[(size_t) tile * pairCount + own];
        best = word < best ? word : best;
        count += __popcll(word);
        u64 violation = violations[(size_t) tile * pairCount + own];
        violating += (int) (violation >> 32);
        hinge += __int_as_float((int) violation);
    }
    violators[pair] = violating;
    hinges[pair] = hinge;
    if (choice == ALL) {
        chosen[pair] = count;
        return;
    }
    int anchor = anchors[runs[pair]];
    int negative = -1;
    if (choice != RANDOM) {
        negative = (int) best;  // of NONE this is -1
    } else if (count > 0) {
        u64 sequence = mix(key + ((u64) anchor << 32 | (u32) positives[pair]));
        int rank = __umulhi((u32) (mix(sequence) >> 32), (u32) count);
        for (int tile = 0; negative < 0; tile++) {
            u64 mask = eligible[(size_t) tile * pairCount + own];
            int here = __popcll(mask);
            if (rank < here) {
                for (; rank > 0; rank--) {
                    mask &= mask - 1;
                }
                negative = tile * TILE + __ffsll((long long) mask) - 1;
            } else {
                rank -= here;
            }
        }
    }
    chosen[pair] = negative;
    chosenDistances[pair] = negative < 0 ? 0 : squared_distance(
            embeddings + (size_t) anchor * dimension, embeddings + (size_t) negative * dimension, dimension);
}

// Of a chunk's pairs: every eligible negative and its squared distance, from listStarts[pair of the chunk] on.
extern "C" __global__ void list_negatives(
        const float* __restrict__ embeddings, int dimension, const u64* __restrict__ eligible, int tiles,
        const int* __restrict__ anchors, const int* __restrict__ runs, int firstPair, int pairCount,
        const int* __restrict__ listStarts, int* __restrict__ listed, float* __restrict__ listedDistances) {
    int own = blockIdx.x * blockDim.x + threadIdx.x;
    if (own >= pairCount) {
        return;
    }
    const float* anchor = embeddings + (size_t) anchors[runs[firstPair + own]] * dimension;
    int to = listStarts[own];
    for (int tile = 0; tile < tiles; tile++) {
        for (u64 mask = eligible[(size_t) tile * pairCount + own]; mask != 0; mask &= mask - 1) {
            int negative = tile * TILE + __ffsll((long long) mask) - 1;
            listed[to] = negative;
            listedDistances[to] = squared_distance(anchor, embeddings + (size_t) negative * dimension, dimension);
            to++;
        }
    }
}

// Of a chunk's runs. counts: pairs with an eligible negative, pairs with a violating one, violating triplets, negatives of
// the anchor; sums: of (ap + margin - an) of the violating, and of the distances to all negatives; places: the nearest
// negative, its distance above it, or NONE.
extern "C" __global__ void tally_runs(
        const u64* __restrict__ nearest, const u64* __restrict__ negatives, int tiles, const int* __restrict__ starts,
        int firstRun, int runCount, int choice, const int* __restrict__ chosen, const int* __restrict__ violators,
        const double* __restrict__ hinges, long long* __restrict__ counts, double* __restrict__ sums,
        u64* __restrict__ places) {
    int own = blockIdx.x * blockDim.x + threadIdx.x;
    if (own >= runCount) {
        return;
    }
    int run = firstRun + own;
    u64 least = NONE;
    long long others = 0;
    double distanceSum = 0;
    for (int tile = 0; tile < tiles; tile++) {
        u64 place = nearest[(size_t) tile * runCount + own];
        least = place < least ? place : least;
        u64 negative = negatives[(size_t) tile * runCount + own];
        others += (long long) (negative >> 32);
        distanceSum += __int_as_float((int) negative);
    }
    long long eligiblePairs = 0;
    long long violatingPairs = 0;
    long long violating = 0;
    double hinge = 0;
    for (int pair = starts[run]; pair < starts[run + 1]; pair++) {
        eligiblePairs += choice == ALL ? chosen[pair] > 0 : chosen[pair] >= 0;
        violatingPairs += violators[pair] > 0;
        violating += violators[pair];
        hinge += hinges[pair];
    }
    counts[4 * (size_t) run] = eligiblePairs;
    counts[4 * (size_t) run + 1] = violatingPairs;
    counts[4 * (size_t) run + 2] = violating;
    counts[4 * (size_t) run + 3] = others;
    sums[2 * (size_t) run] = hinge;
    sums[2 * (size_t) run + 1] = distanceSum;
    places[run] = least;
}

// How often each image takes part in a triplet; counts, [size], are 0 before. Triplets are [3][triplets]: anchors,
// positives, negatives. Negatives from size on are references and not counted.
extern "C" __global__ void count_uses(
        const int* __restrict__ members, int triplets, int size, int* __restrict__ counts) {
    int t = blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= triplets) {
        return;
    }
    for (int role = 0; role < 3; role++) {
        int image = members[(size_t) role * triplets + t];
        if (image < size) {
            atomicAdd(&counts[image], 1);
        }
    }
}

// One block. starts[image]: the sum of the counts before it, starts[size] of all; cursors the same for fill_uses.
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_uses(
        const int* __restrict__ counts, int size, int* __restrict__ starts, int* __restrict__ cursors) {
    __shared__ int sums[SCAN_THREADS];
    const int thread = threadIdx.x;
    const int each = (size + SCAN_THREADS - 1) / SCAN_THREADS;
    const int first = min(size, thread * each);
    const int last = min(size, first + each);
    int own = 0;
    for (int i = first; i < last; i++) {
        own += counts[i];
    }
    sums[thread] = own;
    __syncthreads();
    for (int step = 1; step < SCAN_THREADS; step *= 2) {
        int before = thread >= step ? sums[thread - step] : 0;
        __syncthreads();
        sums[thread] += before;
        __syncthreads();
    }
    int start = sums[thread] - own;
    for (int i = first; i < last; i++) {
        starts[i] = start;
        cursors[i] = start;
        start += counts[i];
    }
    if (thread == SCAN_THREADS - 1) {
        starts[size] = sums[thread];
    }
}

// A use is 3 * triplet + role. Those of one image come in any order.
extern "C" __global__ void fill_uses(
        const int* __restrict__ members, int triplets, int size, int* __restrict__ cursors, int* __restrict__ uses) {
    int t = blockIdx.x * blockDim.x + threadIdx.x;
    if (t >= triplets) {
        return;
    }
    for (int role = 0; role < 3; role++) {
        int image = members[(size_t) role * triplets + t];
        if (image < size) {
            uses[atomicAdd(&cursors[image], 1)] = 3 * t + role;
        }
    }
}

// One block for each image puts its uses in ascending order. Batcher's bitonic network, in the form where all comparisons
// point one way: places from count on would hold the greatest numbers and never move, so they need not exist.
extern "C" __global__ void order_uses(const int* __restrict__ starts, int* __restrict__ uses) {
    const int first = starts[blockIdx.x];
    const int count = starts[blockIdx.x + 1] - first;
    int* own = uses + first;
    for (long long length = 2; length < 2ll * count; length *= 2) {
        for (long long reach = length / 2; reach > 0; reach /= 2) {
            for (long long c = threadIdx.x; c < (count + 1) / 2 + reach; c += blockDim.x) {
                long long block = c / reach;
                long long low = 2 * reach * block + c % reach;
                long long high = reach == length / 2 ? 2 * reach * (block + 1) - 1 - c % reach : low + reach;
                if (high < count && own[low] > own[high]) {
                    int greater = own[low];
                    own[low] = own[high];
                    own[high] = greater;
                }
            }
            __syncthreads();
        }
    }
}

// Grid: (images, parts of blockDim.x components). A triplet adds, times its weight, n - p to its anchor, p - a to its
// positive and a - n to its negative.
extern "C" __global__ void add_gradients(
        const float* __restrict__ embeddings, int dimension, const int* __restrict__ members,
        const double* __restrict__ weights, int triplets, const int* __restrict__ starts, const int* __restrict__ uses,
        int meanOverUses, float* __restrict__ gradient) {
    const int image = blockIdx.x;
    const int k = blockIdx.y * blockDim.x + threadIdx.x;
    if (k >= dimension) {
        return;
    }
    const int first = starts[image];
    const int last = starts[image + 1];
    double sum = 0;
    for (int i = first; i < last; i++) {
        int t = uses[i] / 3;
        int role = uses[i] % 3;
        double weight = weights[t];
        if (weight != 0) {
            int plus = members[(size_t) (role == 0 ? 2 : role == 1 ? 1 : 0) * triplets + t];
            int minus = members[(size_t) (role == 0 ? 1 : role == 1 ? 0 : 2) * triplets + t];
            sum += weight
                    * ((double) embeddings[(size_t) plus * dimension + k]
                            - (double) embeddings[(size_t) minus * dimension + k]);
        }
    }
    int count = meanOverUses ? max(1, last - first) : 1;
    gradient[(size_t) image * dimension + k] = (float) (sum / count);
}
