// Takes the place of NVIDIA's driver in tests: the functions of cuda.h that the library calls, with the kernels of mining.cu
// run on the processor from the source as it is. It is harder to please than a real one:
//   - work is done only when the stream is waited for, so that what is read or overwritten too early shows;
//   - fresh memory is filled with 0xA5, and ends at a page that nobody may touch;
//   - names and sizes of the kernels' parameters are taken from the PTX and compared with the source's;
//   - pointers among the arguments must lie in memory that is allocated, copies within it and within page-locked memory;
//   - most calls want the right context on the calling thread.
// What does not please is counted as a violation, besides the error that the call returns.
//
// Each CUDA thread of a block is a fibre, and __syncthreads lets the next one run. Blocks run one after the other, so a
// block's shared memory can be static. Threads, and blocks, run in turn forwards and backwards, so that a missing barrier, or
// a result that depends on the order, shows.
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
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
#define __align__(bytes)
#define __launch_bounds__(...)

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }
static int __float_as_int(float value) { int bits; memcpy(&bits, &value, 4); return bits; }
static float __int_as_float(int bits) { float value; memcpy(&value, &bits, 4); return value; }
static int __popcll(unsigned long long value) { return __builtin_popcountll(value); }
static int __ffsll(long long value) { return __builtin_ffsll(value); }
static unsigned __umulhi(unsigned a, unsigned b) { return (unsigned) ((unsigned long long) a * b >> 32); }
static int atomicAdd(int* to, int value) { int before = *to; *to += value; return before; }
static void __syncthreads();

#include KERNELS

#define EXPORT extern "C" __attribute__((visibility("default")))

// ---- a block of threads

static const int STACK = 64 * 1024, MOST_THREADS = 1024;

struct Fibre {
    ucontext_t start;
    jmp_buf at;
    bool started;
    bool done;
};
static Fibre fibres[MOST_THREADS];
static jmp_buf scheduler;
static const std::function<void()>* body;
static unsigned current;

// Jumps cost far less than swapcontext, which asks the system for signal masks each time; only the first way in needs it.
static void __attribute__((noinline)) back() {
    if (_setjmp(fibres[current].at) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void __syncthreads() {
    back();
    threadIdx.x = current;
}

// A fibre outlives its block and takes part in the next.
static void fibre() {
    for (;;) {
        (*body)();
        fibres[current].done = true;
        back();
    }
}

static void __attribute__((noinline)) go(unsigned thread) {
    if (_setjmp(scheduler) == 0) {
        current = thread;
        threadIdx.x = thread;
        if (fibres[thread].started) {
            _longjmp(fibres[thread].at, 1);
        }
        fibres[thread].started = true;
        setcontext(&fibres[thread].start);
    }
}

static bool backwards;

static void runBlockWithBarriers(unsigned threads) {
    for (unsigned t = 0; t < threads; t++) {
        if (!fibres[t].started) {
            getcontext(&fibres[t].start);
            fibres[t].start.uc_stack.ss_sp = malloc(STACK);
            fibres[t].start.uc_stack.ss_size = STACK;
            makecontext(&fibres[t].start, fibre, 0);
        }
        fibres[t].done = false;
    }
    for (bool running = true; running;) {
        running = false;
        backwards = !backwards;
        for (unsigned i = 0; i < threads; i++) {
            unsigned thread = backwards ? threads - 1 - i : i;
            if (!fibres[thread].done) {
                go(thread);
                running = true;
            }
        }
    }
}

static void runBlock(unsigned threads) {
    for (unsigned i = 0; i < threads; i++) {
        threadIdx.x = backwards ? threads - 1 - i : i;
        (*body)();
    }
    backwards = !backwards;
}

static void runGrid(unsigned gridX, unsigned gridY, unsigned threads, bool barriers, const std::function<void()>& work) {
    static bool reversed = false;
    reversed = !reversed;
    body = &work;
    blockDim.x = threads;
    blockDim.y = 1;
    for (unsigned long b = 0; b < (unsigned long) gridX * gridY; b++) {
        unsigned long block = reversed ? (unsigned long) gridX * gridY - 1 - b : b;
        blockIdx.x = block % gridX;
        blockIdx.y = block / gridX;
        if (barriers) {
            runBlockWithBarriers(threads);
        } else {
            runBlock(threads);
        }
    }
}

// ---- kernels by name

struct Parameter {
    size_t size;
    bool pointer;
};

struct Kernel {
    std::vector<Parameter> parameters;
    bool barriers;
    unsigned mostThreads;
    std::function<std::function<void()>(const std::vector<unsigned long long>&)> bind;
};

template <class T>
static T argument(unsigned long long slot) {
    T value;
    memcpy(&value, &slot, sizeof(T));
    return value;
}

template <class... A, size_t... I>
static Kernel describe(void (*kernel)(A...), bool barriers, unsigned mostThreads, std::index_sequence<I...>) {
    return {{{sizeof(A), std::is_pointer<A>::value}...}, barriers, mostThreads,
            [kernel](const std::vector<unsigned long long>& slots) -> std::function<void()> {
                return [kernel, slots] { kernel(argument<A>(slots[I])...); };
            }};
}

template <class... A>
static Kernel describe(void (*kernel)(A...), bool barriers = false, unsigned mostThreads = 1024) {
    return describe(kernel, barriers, mostThreads, std::index_sequence_for<A...>());
}

static std::map<std::string, Kernel> KERNEL_TABLE = {
    {"pair_bounds", describe(pair_bounds)},
    {"compare_tiles", describe(compare_tiles, true, THREADS)},
    {"choose_negatives", describe(choose_negatives)},
    {"list_negatives", describe(list_negatives)},
    {"tally_runs", describe(tally_runs)},
    {"count_uses", describe(count_uses)},
    {"scan_uses", describe(scan_uses, true, SCAN_THREADS)},
    {"fill_uses", describe(fill_uses)},
    {"order_uses", describe(order_uses, true)},
    {"add_gradients", describe(add_gradients)},
};

// ---- the state that tests set and look at

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_CONTEXT = 201, INVALID_PTX = 218,
    NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };

static int deviceCount = 1, computeMajor = 8, computeMinor = 6, driverVersion = 12040;
static long memoryTotal = 1L << 30;
static std::map<std::string, std::pair<int, int>> failures;  // function: calls that still succeed, then the code
static bool initialised;
static char primaryContext, otherContext;
static thread_local void* currentContext;
static long retained, modules, streams, events, launches, violations, bytesInUse, allocationsMade, gradients;
static std::map<unsigned long long, size_t> allocations, pinned;
static std::vector<std::function<void()>> pending;
static std::string lastViolation;

static int violation(int code, const std::string& what) {
    violations++;
    lastViolation = what;
    return code;
}

// What every call begins with.
static int entered(const char* function, bool wantsContext) {
    auto failure = failures.find(function);
    if (failure != failures.end() && failure->second.first-- <= 0) {
        return failure->second.second;
    }
    if (!initialised) {
        return violation(NOT_INITIALIZED, std::string(function) + " before cuInit");
    }
    if (wantsContext && (retained <= 0 || currentContext != &primaryContext)) {
        return violation(INVALID_CONTEXT, std::string(function) + " in another context");
    }
    return OK;
}
#define ENTER(wantsContext) if (int code = entered(__func__, wantsContext)) return code

static bool within(const std::map<unsigned long long, size_t>& blocks, unsigned long long address, size_t bytes) {
    auto block = blocks.upper_bound(address);
    if (block == blocks.begin()) {
        return false;
    }
    --block;
    return address + bytes <= block->first + block->second;
}

EXPORT void fake_reset(int devices, int major, int minor, long memory) {
    deviceCount = devices;
    computeMajor = major;
    computeMinor = minor;
    memoryTotal = memory;
    failures.clear();
    pending.clear();
    launches = violations = allocationsMade = gradients = 0;
    lastViolation.clear();
}

// Lets a function fail from its call after so many on.
EXPORT void fake_fail(const char* function, int after, int code) { failures[function] = {after, code}; }

EXPORT void fake_forget_held() {
    retained = modules = streams = events = 0;
    pinned.clear();
}

EXPORT void fake_make_other_context_current() { currentContext = &otherContext; }
EXPORT int fake_other_context_is_current() { return currentContext == &otherContext; }
EXPORT const char* fake_last_violation() { return lastViolation.c_str(); }

// Allocations, page-locked ones, contexts, modules, streams, events that are held; launches, violations; allocations of both
// kinds that were ever made; gradients formed.
EXPORT void fake_counts(long* counts) {
    long all[] = {(long) allocations.size(), (long) pinned.size(), retained, modules, streams, events, launches, violations,
        allocationsMade, gradients};
    memcpy(counts, all, sizeof all);
}

// ---- the driver

EXPORT int cuInit(unsigned) {
    auto failure = failures.find("cuInit");
    if (failure != failures.end()) {
        return failure->second.second;
    }
    if (const char* asked = getenv("FAKE_CUDA_FAIL")) {  // function:calls that work:code
        char function[64];
        int after, code;
        if (sscanf(asked, "%63[^:]:%d:%d", function, &after, &code) == 3) {
            failures[function] = {after, code};
        }
    }
    initialised = true;
    return OK;
}

EXPORT int cuGetErrorName(int code, const char** name) {
    static const std::map<int, const char*> names = {{1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"},
        {3, "CUDA_ERROR_NOT_INITIALIZED"}, {100, "CUDA_ERROR_NO_DEVICE"}, {201, "CUDA_ERROR_INVALID_CONTEXT"},
        {218, "CUDA_ERROR_INVALID_PTX"}, {500, "CUDA_ERROR_NOT_FOUND"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}};
    auto found = names.find(code);
    if (found == names.end()) {
        return INVALID_VALUE;
    }
    *name = found->second;
    return OK;
}

EXPORT int cuGetErrorString(int code, const char** text) {
    const char* name;
    if (cuGetErrorName(code, &name)) {
        return INVALID_VALUE;
    }
    *text = code == OUT_OF_MEMORY ? "out of memory" : "something is wrong";
    return OK;
}

EXPORT int cuDriverGetVersion(int* version) { *version = driverVersion; return OK; }
EXPORT int cuDeviceGetCount(int* count) { ENTER(false); *count = deviceCount; return OK; }

EXPORT int cuDeviceGet(int* device, int ordinal) {
    ENTER(false);
    *device = 7;  // a handle is not a number
    return ordinal < deviceCount ? OK : violation(INVALID_VALUE, "no such device");
}

EXPORT int cuDeviceGetName(char* name, int length, int device) {
    ENTER(false);
    snprintf(name, length, "Emulated GPU");
    return device == 7 ? OK : violation(INVALID_VALUE, "no such device");
}

EXPORT int cuDeviceGetAttribute(int* value, int attribute, int device) {
    ENTER(false);
    *value = attribute == 75 ? computeMajor : attribute == 76 ? computeMinor : -1;
    return *value >= 0 && device == 7 ? OK : violation(INVALID_VALUE, "unknown attribute or device");
}

EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
    ENTER(false);
    retained++;
    *context = &primaryContext;
    return device == 7 ? OK : violation(INVALID_VALUE, "no such device");
}

EXPORT int cuDevicePrimaryCtxRelease_v2(int device) {
    ENTER(false);
    retained--;
    return device == 7 && retained >= 0 ? OK : violation(INVALID_VALUE, "released too often");
}

EXPORT int cuCtxGetCurrent(void** context) { ENTER(false); *context = currentContext; return OK; }
EXPORT int cuCtxSetCurrent(void* context) { ENTER(false); currentContext = context; return OK; }

EXPORT int cuMemGetInfo_v2(size_t* available, size_t* total) {
    ENTER(true);
    *available = memoryTotal - bytesInUse;
    *total = memoryTotal;
    return OK;
}

static size_t pages(size_t bytes) { size_t page = sysconf(_SC_PAGESIZE); return (bytes + page - 1) / page * page; }

EXPORT int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
    ENTER(true);
    if (bytes == 0) {
        return violation(INVALID_VALUE, "no bytes to allocate");
    }
    if (bytesInUse + (long) bytes > memoryTotal) {
        return OUT_OF_MEMORY;
    }
    size_t room = pages(bytes);
    char* block = (char*) mmap(nullptr, room + pages(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(block + room, pages(1), PROT_NONE);
    memset(block, 0xA5, room);
    *address = (unsigned long long) (block + room - bytes);
    allocations[*address] = bytes;
    allocationsMade++;
    bytesInUse += bytes;
    return OK;
}

EXPORT int cuMemFree_v2(unsigned long long address) {
    ENTER(true);
    auto found = allocations.find(address);
    if (found == allocations.end() || !pending.empty()) {
        return violation(INVALID_VALUE, "freed what was not allocated, or may be in use");
    }
    munmap((char*) (address + found->second - pages(found->second)), pages(found->second) + pages(1));
    bytesInUse -= found->second;
    allocations.erase(found);
    return OK;
}

EXPORT int cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    ENTER(true);
    *memory = malloc(bytes);
    memset(*memory, 0xA5, bytes);
    pinned[(unsigned long long) *memory] = bytes;
    allocationsMade++;
    return OK;
}

EXPORT int cuMemFreeHost(void* memory) {
    ENTER(true);
    if (pinned.erase((unsigned long long) memory) == 0 || !pending.empty()) {
        return violation(INVALID_VALUE, "freed host memory that was not allocated, or may be in use");
    }
    free(memory);
    return OK;
}

// Names, parameters and the bounds of the kernels, as the PTX has them, must be those of the source.
static bool agrees(const std::string& ptx, const std::string& name, const Kernel& kernel) {
    size_t entry = ptx.find(".visible .entry " + name + "(");
    if (entry == std::string::npos) {
        return false;
    }
    size_t end = ptx.find(')', entry);
    std::vector<size_t> sizes;
    for (size_t at = ptx.find(".param .", entry); at < end; at = ptx.find(".param .", at + 1)) {
        sizes.push_back(atoi(ptx.c_str() + at + strlen(".param .") + 1) / 8);
    }
    size_t body = ptx.find('{', end);
    bool barriers = ptx.substr(body, ptx.find("\n}\n", body) - body).find("bar.sync") != std::string::npos;
    bool same = sizes.size() == kernel.parameters.size() && barriers == kernel.barriers;
    for (size_t i = 0; same && i < sizes.size(); i++) {
        same = sizes[i] == kernel.parameters[i].size;
    }
    return same;
}

EXPORT int cuModuleLoadDataEx(void** module, const char* image, unsigned count, const int* options, void** values) {
    ENTER(true);
    std::string ptx(image);
    bool sound = count == 2 && options[0] == 5 && options[1] == 6;
    for (auto& kernel : KERNEL_TABLE) {
        if (!agrees(ptx, kernel.first, kernel.second)) {
            snprintf((char*) values[0], (size_t) values[1], "the PTX of %s is not that of the source", kernel.first.c_str());
            sound = false;
        }
    }
    if (!sound) {
        return violation(INVALID_PTX, "the PTX is not that of the source");
    }
    modules++;
    *module = &KERNEL_TABLE;
    return OK;
}

EXPORT int cuModuleUnload(void*) { ENTER(true); modules--; return OK; }

EXPORT int cuModuleGetFunction(void** function, void* module, const char* name) {
    ENTER(true);
    auto found = KERNEL_TABLE.find(name);
    if (module != &KERNEL_TABLE || found == KERNEL_TABLE.end()) {
        return violation(NOT_FOUND, "no such kernel");
    }
    *function = &found->second;
    return OK;
}

EXPORT int cuStreamCreate(void** stream, unsigned flags) {
    ENTER(true);
    streams++;
    *stream = &pending;
    return flags == 1 ? OK : violation(INVALID_VALUE, "a stream that waits for the default one");
}
EXPORT int cuStreamDestroy_v2(void*) { ENTER(true); streams--; return OK; }

static int inStream(void* stream, std::function<void()> work) {
    if (stream != &pending) {
        return violation(INVALID_VALUE, "not the stream");
    }
    pending.push_back(work);
    return OK;
}

EXPORT int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void* stream) {
    ENTER(true);
    if (!within(allocations, to, bytes) || !within(pinned, (unsigned long long) from, bytes)) {
        return violation(INVALID_VALUE, "copied beyond the end");
    }
    return inStream(stream, [=] { memcpy((void*) to, from, bytes); });
}

EXPORT int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void* stream) {
    ENTER(true);
    if (!within(allocations, from, bytes) || !within(pinned, (unsigned long long) to, bytes)) {
        return violation(INVALID_VALUE, "copied beyond the end");
    }
    return inStream(stream, [=] { memcpy(to, (void*) from, bytes); });
}

EXPORT int cuMemsetD32Async(unsigned long long to, unsigned value, size_t words, void* stream) {
    ENTER(true);
    if (!within(allocations, to, 4 * words)) {
        return violation(INVALID_VALUE, "cleared beyond the end");
    }
    return inStream(stream, [=] {
        for (size_t i = 0; i < words; i++) {
            ((unsigned*) to)[i] = value;
        }
    });
}

EXPORT int cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,
        unsigned blockZ, unsigned shared, void* stream, void** parameters, void** extra) {
    ENTER(true);
    const Kernel& kernel = *(Kernel*) function;
    if (gridX == 0 || gridX > 0x7fffffff || gridY == 0 || gridY > 65535 || gridZ != 1 || blockX == 0
            || blockX > kernel.mostThreads || blockY != 1 || blockZ != 1 || shared != 0 || extra != nullptr) {
        return violation(INVALID_VALUE, "a launch of a wrong shape");
    }
    std::vector<unsigned long long> slots;
    for (size_t i = 0; i < kernel.parameters.size(); i++) {
        unsigned long long slot = 0;
        memcpy(&slot, parameters[i], kernel.parameters[i].size);
        if (kernel.parameters[i].pointer && !within(allocations, slot, 1)) {
            return violation(ILLEGAL_ADDRESS, "argument " + std::to_string(i) + " is no address on the GPU");
        }
        slots.push_back(slot);
    }
    launches++;
    gradients += &kernel == &KERNEL_TABLE["add_gradients"];
    std::function<void()> bound = kernel.bind(slots);
    return inStream(stream, [=, &kernel] { runGrid(gridX, gridY, blockX, kernel.barriers, bound); });
}

EXPORT int cuStreamSynchronize(void* stream) {
    ENTER(true);
    if (stream != &pending) {
        return violation(INVALID_VALUE, "not the stream");
    }
    for (auto& work : pending) {
        work();
    }
    pending.clear();
    return OK;
}

typedef std::chrono::steady_clock::time_point Time;

EXPORT int cuEventCreate(void** event, unsigned) { ENTER(true); events++; *event = new Time(); return OK; }
EXPORT int cuEventDestroy_v2(void* event) { ENTER(true); events--; delete (Time*) event; return OK; }

EXPORT int cuEventRecord(void* event, void* stream) {
    ENTER(true);
    return inStream(stream, [=] { *(Time*) event = std::chrono::steady_clock::now(); });
}

EXPORT int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
    ENTER(true);
    if (!pending.empty()) {
        return violation(INVALID_VALUE, "asked for the time too early");
    }
    *milliseconds = std::chrono::duration<float, std::milli>(*(Time*) end - *(Time*) begin).count();
    return OK;
}
