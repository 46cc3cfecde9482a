// The header in C++.

#include "memtrace.h"

namespace {

class Forward {
public:
    explicit Forward(memtrace_module module) : module(module) { memtrace_forward_begin(module); }
    ~Forward() { memtrace_forward_end(module); }

private:
    memtrace_module module;
};

}

int main() {
    const Forward forward(memtrace_module_define("unet", 0, 1 << 20, 0));
    static_assert(MEMTRACE_TIER_DEVICE(3) == 0x8003 && MEMTRACE_UNKNOWN == UINT64_MAX, "constants");
    return 0;
}
