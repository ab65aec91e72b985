# Moonseed. `make demo` and `make test` are all a new user needs; both install
# what is missing first (scripts/setup). BUILD=folder builds elsewhere.
BUILD ?= build
PREFIX ?= /usr/local
OPT ?= -O2 -g
KERNEL_OPT ?= -O3
WARN = -Wall -Wextra -Wpedantic -Werror
CFLAGS += -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) -fPIC -fvisibility=hidden \
  -pthread -ffp-contract=off -fno-math-errno -MMD -MP $(SANITIZE)
LDLIBS = -ldnnl -lgomp -lpng -ljpeg -lz -lm -pthread

CORE = $(wildcard core/*/*.c)
REF = $(wildcard kernels/ref/*.c)
CPU = $(filter-out %_avx2.c %_avx512.c,$(wildcard kernels/cpu/*.c))
# Files in kernels/cpu/simd are compiled once per instruction set.
SIMD = $(wildcard kernels/cpu/simd/*.c)
OBJ = $(patsubst %.c,$(BUILD)/%.o,$(CORE) $(REF) $(CPU)) \
  $(foreach isa,plain avx2 avx512,$(patsubst %.c,$(BUILD)/%.$(isa).o,$(SIMD)))
LIB = $(BUILD)/moonseed/libmoonseed.so

# The GPU's kernels, twice: for the emulated one that the specs use, and, where
# nvcc is, for real ones. Both are opened at run time.
CUDA_HOME ?= /usr/local/cuda
NVCC = $(wildcard $(CUDA_HOME)/bin/nvcc)
CU = $(filter-out kernels/cuda/driver.cu,$(wildcard kernels/cuda/*.cu))
EMULATED = $(BUILD)/moonseed/libmoonseed_emulated.so
# cuDNN's headers are needed to build, cuDNN itself only to run.
CUDNN_H = $(firstword $(wildcard $(CUDA_HOME)/include/cudnn.h \
  /usr/local/include/cudnn.h /usr/include/cudnn.h \
  /usr/include/$(shell uname -m)-linux-gnu/cudnn.h))
CUDA = $(if $(and $(NVCC),$(CUDNN_H)),$(BUILD)/moonseed/libmoonseed_cuda.so)
EMULATED_OBJ = $(CU:%.cu=$(BUILD)/emulated/%.o) \
  $(patsubst %.cc,$(BUILD)/emulated/%.o,$(wildcard kernels/cuda/*.cc)) \
  $(foreach f,table conv2d conv_wide lender,$(BUILD)/kernels/cuda/$(f).o) \
  $(foreach f,conv2d conv2d_grad matmul,$(BUILD)/kernels/ref/$(f).o)
CUDA_OBJ = $(patsubst %.cu,$(BUILD)/%.cu.o,$(wildcard kernels/cuda/*.cu)) \
  $(patsubst %.c,$(BUILD)/%.o,$(wildcard kernels/cuda/*.c))
CUDA_ARCH ?= 90
NVFLAGS = -std=c++17 -O3 -lineinfo -Wno-deprecated-gpu-targets \
  $(foreach a,$(CUDA_ARCH),-gencode arch=compute_$(a),code=sm_$(a)) \
  -gencode arch=compute_90,code=compute_90 -Xcompiler \
  -fPIC,-fvisibility=hidden,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics,-Wall

.PHONY: build bundle setup setup-dev demo test bench lint asan tsan soak install \
  uninstall clean
build: $(LIB) $(EMULATED) $(CUDA)

$(LIB): $(OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $(SANITIZE) -o $@ $^ $(LDLIBS)

$(EMULATED): $(EMULATED_OBJ)
	@mkdir -p $(@D)
	$(CXX) -shared $(SANITIZE) -o $@ $^ -lm -pthread
$(CUDA): $(CUDA_OBJ)
	@mkdir -p $(@D)
	$(NVCC) -shared -cudart static -o $@ $^ -ldl

CXXFLAGS += -std=gnu++17 -DMOON_EMULATED $(OPT) -Wall -Wextra -Werror -fPIC \
  -fvisibility=hidden -fno-exceptions -fno-rtti -pthread -ffp-contract=off \
  -fno-threadsafe-statics -MMD -MP $(SANITIZE)
$(BUILD)/emulated/%.o: %.cu
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -x c++ -c $< -o $@
$(BUILD)/emulated/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -c $< -o $@
$(BUILD)/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(NVCC) $(NVFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/core/%.o: CFLAGS += -DMOON_CORE
$(BUILD)/kernels/%.o: CFLAGS += $(KERNEL_OPT) -fno-trapping-math
$(BUILD)/kernels/cuda/%.o: CFLAGS += -isystem $(CUDA_HOME)/include \
  $(if $(CUDNN_H),-isystem $(dir $(CUDNN_H)))
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c $< -o $@
$(BUILD)/%.plain.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DMOON_ISA=plain -c $< -o $@
$(BUILD)/%.avx2.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -mavx2 -mfma -mf16c -DMOON_ISA=avx2 -c $< -o $@
$(BUILD)/%.avx512.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -march=skylake-avx512 -mprefer-vector-width=512 \
	  -DMOON_ISA=avx512 -c $< -o $@

# --- set-up and use ---------------------------------------------------------
JOBS ?= $(shell nproc)
# -j only once: a make below takes its jobs from the one above.
ALL = $(MAKE) --no-print-directory -s \
  $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
export BUILD

setup:
	@scripts/setup
setup-dev:
	@scripts/setup --dev

demo: setup
	@test -e $(LIB) || echo "Building, once."
	+@$(ALL) build
	@scripts/moonseed scripts/grow_fashion.lua

bench: setup
	+@$(ALL) build
	@scripts/bench/run $(BENCH)

# Library, header, Lua files, policies, launcher and pages; they run from any
# folder. LuaRocks sets the folders itself (rocks/). What an older version left
# in our own folders goes first.
LUADIR = $(PREFIX)/share/lua/5.1
LIBDIR = $(PREFIX)/lib/lua/5.1
BINDIR = $(PREFIX)/bin
INCDIR = $(PREFIX)/include
DOCDIR = $(PREFIX)/share/doc/moonseed
install: build uninstall
	@install -D -m 755 $(LIB) '$(DESTDIR)$(LIBDIR)/moonseed/libmoonseed.so'
	@$(if $(CUDA),install -m 755 $(CUDA) '$(DESTDIR)$(LIBDIR)/moonseed/')
	@install -D -m 755 scripts/moonseed '$(DESTDIR)$(BINDIR)/moonseed'
	@install -D -m 644 core/moonseed.h '$(DESTDIR)$(INCDIR)/moonseed.h'
	@cd lua && find moonseed -type f -exec \
	  install -D -m 644 '{}' '$(DESTDIR)$(LUADIR)/{}' ';'
	@install -m 644 core/moonseed.h '$(DESTDIR)$(LUADIR)/moonseed/moonseed.h'
	@cd scripts && find policies -name '*.lua' -exec \
	  install -D -m 644 '{}' '$(DESTDIR)$(LUADIR)/moonseed/{}' ';'
	@for page in README.md LICENSE; do \
	  install -D -m 644 $$page '$(DESTDIR)$(DOCDIR)'/$$page || exit 1; done
	@find docs \( -name '*.md' -o -name '*.svg' \) -exec \
	  install -D -m 644 '{}' '$(DESTDIR)$(DOCDIR)/{}' ';'
	@echo "Installed for luajit: $(BINDIR)/moonseed and $(LUADIR)/moonseed"

uninstall:
	@rm -rf '$(DESTDIR)$(LUADIR)/moonseed' '$(DESTDIR)$(LIBDIR)/moonseed' \
	  '$(DESTDIR)$(DOCDIR)'
	@rm -f '$(DESTDIR)$(BINDIR)/moonseed' '$(DESTDIR)$(INCDIR)/moonseed.h'

clean:
	rm -rf $(BUILD)

# All in one folder, for machines without packages or network: see the script.
bundle: build $(BUILD)/stress
	@scripts/bundle $(BUILD)

# --- tests ------------------------------------------------------------------
# The C stress driver, on the plain build and on one per sanitizer.
STRESS = $(BUILD)/stress
HEADERS = $(wildcard core/*.h core/*/*.h kernels/*.h spec/c/*.h spec/fuzz/*.h)
$(STRESS): $(wildcard spec/c/*.c) $(LIB) $(HEADERS)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(OPT) $(WARN) $(SANITIZE) -pthread \
	  $(filter %.c,$^) $(LIB) -Wl,-rpath,'$$ORIGIN/moonseed' -lm -o $@

comma := ,
SANITIZED = $(ALL) OPT='-O1 -g' KERNEL_OPT=-O1 BUILD=$(BUILD)/$(1) \
  SANITIZE='-fno-omit-frame-pointer -fno-sanitize-recover \
  -fsanitize=$(2)' $(BUILD)/$(1)/stress
asan:
	+@$(call SANITIZED,asan,address$(comma)undefined)
# The emulated GPU as it is: its blocks' threads are fibres, which the thread
# sanitizer cannot follow; what the runtime does around it is seen.
tsan: $(EMULATED)
	+@$(call SANITIZED,tsan,thread)
	@cp $(EMULATED) $(BUILD)/tsan/moonseed/

# The readers: over spec/fuzz/corpus with every check gcc has, and fuzzed.
READERS = core/base/status.c $(patsubst %,core/file/%.c,source inflate \
  listing idx safetensors json load header npy npz zip cifar picture\
  png jpeg csv csv_text csv_scan csv_column)
READER_LIBS = -lpng -ljpeg -lz
FUZZ = $(notdir $(wildcard spec/fuzz/corpus/*))
FUZZ_FLAGS = -std=gnu11 -D_GNU_SOURCE -g -O1 $(WARN)
$(BUILD)/corpus/%: spec/fuzz/%.c spec/fuzz/fuzz.c $(READERS) $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(FUZZ_FLAGS) -fsanitize=address,undefined \
	  -fno-sanitize-recover $(filter %.c,$^) $(READER_LIBS) -o $@
$(BUILD)/fuzz/%: spec/fuzz/%.c spec/fuzz/fuzz.c $(READERS) $(HEADERS)
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -DFUZZ -fsanitize=fuzzer,address,undefined \
	  $(filter %.c,$^) $(READER_LIBS) -o $@

# scripts/suites runs `name: command` and adds up what they report.
test: setup
	+@$(ALL) $(STRESS) $(FUZZ:%=$(BUILD)/corpus/%)
	+@$(ALL) asan tsan
	@scripts/suites $(BUILD)/test \
	  $(foreach f,$(FUZZ),'corpus of $(f): $(BUILD)/corpus/$(f) \
	    spec/fuzz/corpus/$(f)/*') \
	  'specs: luajit /usr/bin/busted' -- \
	  $(foreach i,1 2 3 4,'specs, addresses $(i): SHARD=$(i)/4 \
	    scripts/checks/sanitized $(BUILD)/asan') \
	  'specs, GPU: scripts/checks/gpu' \
	  'stress: $(STRESS) 10' \
	  'stress, addresses: $(BUILD)/asan/stress 20' \
	  'stress, threads: $(BUILD)/tsan/stress 25' \
	  'stress, GPU: scripts/checks/gpu_stress $(BUILD)/tsan/stress 15'

# Longer runs, each SOAK seconds, and the specs with their long cases.
SOAK ?= 300
soak: setup-dev
	+@$(ALL) $(STRESS) $(FUZZ:%=$(BUILD)/fuzz/%)
	+@$(ALL) asan tsan
	@MOONSEED_SOAK=1 SUITE_SECONDS=$$((2 * $(SOAK) + 3600)) \
	  scripts/suites $(BUILD)/soak \
	  $(foreach f,$(FUZZ),'fuzz $(f): scripts/checks/fuzz $(f) $(SOAK)') \
	  'stress: $(STRESS) $(SOAK)' \
	  'stress, addresses: $(BUILD)/asan/stress $(SOAK)' \
	  'stress, threads: $(BUILD)/tsan/stress $(SOAK)' \
	  'specs: luajit /usr/bin/busted'

lint: setup-dev
	+@$(ALL) build
	@scripts/checks/lint

-include $(OBJ:.o=.d) $(EMULATED_OBJ:.o=.d) $(CUDA_OBJ:.o=.d)
