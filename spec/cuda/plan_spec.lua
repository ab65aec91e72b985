-- How convolutions are planned for an H100, without one: cuDNN builds plans
-- from a description of the device (h100.json).

local ffi = require "ffi"

ffi.cdef [[
  typedef struct moon_conv_question {
    int32_t way, dtype, epilogue, strict, adds, align;
    int64_t x[4], w[4], step, padding, dilation;
    int32_t files, wide;
    const double *times;
  } moon_conv_question;
  typedef struct moon_conv_answer {
    int64_t engine, workspace;
    int32_t plans, has_tensor_cores, is_deterministic, is_compiled, choices,
      channels;
  } moon_conv_answer;
  int moon_cuda_inspect_convolution(const char *device,
    const moon_conv_question *question, moon_conv_answer *out, char *why,
    size_t size);
  int setenv(const char *name, const char *value, int overwrite);
  int unsetenv(const char *name);
]]

local WAYS = { forward = 0, grad_x = 1, grad_w = 2 }
local DTYPES = { f32 = 0, f64 = 1, bf16 = 6, f16 = 7 }
local EPILOGUES = { none = 0, bias = 1, relu = 3, add = 5, add_relu = 7 }
local MB = 2 ^ 20

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local device = read "spec/cuda/h100.json"
local path = package.searchpath("moonseed.libmoonseed_cuda", package.cpath)
local library = path and ffi.load(path)

--- What is planned, or nil and why nothing can be.
local function ask(q)
  if not library then return nil, "libmoonseed_cuda.so is not built" end
  local question = ffi.new("moon_conv_question", {
    way = WAYS[q.way or "forward"], dtype = DTYPES[q.dtype or "f32"],
    epilogue = EPILOGUES[q.epilogue or "none"], strict = q.strict and 1 or 0,
    adds = q.adds and 1 or 0, align = q.align or 16, x = q.x, w = q.w,
    step = q.stride or 1, padding = q.padding or 0, dilation = 1,
    files = q.files and 1 or 0, wide = q.wide and 1 or 0, times = q.times })
  local answer = ffi.new "moon_conv_answer"
  local why = ffi.new "char[200]"
  local status = library.moon_cuda_inspect_convolution(device, question,
    answer, why, 200)
  why = ffi.string(why)
  if why:find "is not in $MOONSEED_CUDNN" then return nil, why end
  assert(status == 0, why)
  return answer
end

--- `check` of each case's plan, or pending with the reason.
local function plans(name, cases, check)
  it(name, function()
    for _, case in ipairs(cases) do
      local answer, why = ask(case)
      if not answer then return pending(why) end
      check(answer, case)
    end
  end)
end

--- With a cache of plans that begins empty.
local function in_new_folder(run)
  local folder = os.tmpname()
  os.remove(folder)
  local before = os.getenv "XDG_CACHE_HOME"
  ffi.C.setenv("XDG_CACHE_HOME", folder, 1)
  local ok, why = pcall(run)
  if before then ffi.C.setenv("XDG_CACHE_HOME", before, 1)
  else ffi.C.unsetenv "XDG_CACHE_HOME" end
  os.execute("rm -rf '" .. folder .. "'")
  if not ok then error(why, 0) end
end

local CHOICES, ROUNDS = 8, 6

--- What a clock says: choice i takes times[i], or 9; `change` may say otherwise
--- of a round.
local function clock(times, change)
  local list = ffi.new("double[48]")
  for i = 1, CHOICES do
    for round = 1, ROUNDS do
      local t = times[i] or 9
      if change then t = change(t, i, round) end
      list[(i - 1) * ROUNDS + round - 1] = t
    end
  end
  return list
end

local X, W = { 128, 64, 32, 32 }, { 64, 64, 3, 3 }

--- One case for each of some ways and dtypes.
local function every(dtypes, options)
  local list = {}
  for _, dtype in ipairs(dtypes) do
    for _, way in ipairs{ "forward", "grad_x", "grad_w" } do
      local case = { dtype = dtype, way = way, x = X, w = W, padding = 1 }
      for k, v in pairs(options or {}) do case[k] = v end
      list[#list + 1] = case
    end
  end
  return list
end

describe("a convolution on an H100", function()
  plans("is deterministic and not compiled at run time",
        every{ "f32", "bf16", "f16", "f64" }, function(a)
    assert.equal(1, a.is_deterministic)
    assert.equal(0, a.is_compiled)
  end)

  plans("uses tensor cores in TF32, bf16 and f16, with little memory",
        every{ "f32", "bf16", "f16" }, function(a)
    assert.equal(1, a.has_tensor_cores)
    assert.is_true(tonumber(a.workspace) < MB)
  end)

  plans("uses none when strict", every({ "f32" }, { strict = true }),
        function(a) assert.equal(0, a.has_tensor_cores) end)

  plans("takes bias and ReLU in the same kernel", {
    { x = X, w = W, padding = 1, epilogue = "bias" },
    { x = X, w = W, padding = 1, epilogue = "relu" },
    { x = X, w = W, padding = 1, epilogue = "relu", dtype = "bf16" } },
    function(a)
      assert.equal(1, a.has_tensor_cores)
      assert.is_true(tonumber(a.workspace) < MB)
    end)

  plans("adds what a residual has, in an engine that is there", {
    { x = X, w = W, padding = 1, epilogue = "add" },
    { x = X, w = W, padding = 1, epilogue = "add_relu" },
    { x = X, w = W, padding = 1, epilogue = "add", dtype = "bf16" },
    { x = X, w = W, padding = 1, epilogue = "add_relu", dtype = "f16" } },
    function(a)
      assert.equal(1, a.has_tensor_cores)
      assert.equal(0, a.is_compiled)
      assert.is_true(tonumber(a.workspace) < MB)
    end)

  plans("adds it with f64, strictly, in groups and at one place", {
    { x = X, w = W, padding = 1, epilogue = "add_relu", dtype = "f64" },
    { x = X, w = W, padding = 1, epilogue = "add_relu", strict = true },
    { x = { 64, 128, 16, 16 }, w = { 128, 1, 3, 3 }, padding = 1,
      epilogue = "add" },
    { x = { 1, 1, 1, 1 }, w = { 1, 1, 1, 1 }, epilogue = "add", align = 4 } },
    function(a) assert.equal(0, a.is_compiled) end)

  plans("adds to a weight's gradient", {
    { x = X, w = W, padding = 1, way = "grad_w", adds = true },
    { x = X, w = W, padding = 1, way = "grad_w", adds = true, dtype = "bf16" }
  }, function(a)
    assert.equal(1, a.has_tensor_cores)
    assert.is_true(tonumber(a.workspace) < MB)
  end)

  plans("exists for groups, steps, large kernels and one place", {
    { x = { 64, 128, 16, 16 }, w = { 128, 1, 3, 3 }, padding = 1 },
    { x = { 64, 128, 16, 16 }, w = { 128, 1, 3, 3 }, padding = 1,
      way = "grad_w" },
    { x = { 16, 3, 224, 224 }, w = { 64, 3, 7, 7 }, padding = 3, stride = 2 },
    { x = { 16, 3, 224, 224 }, w = { 64, 3, 7, 7 }, padding = 3, stride = 2,
      way = "grad_x", dtype = "bf16" },
    { x = { 1, 1, 1, 1 }, w = { 1, 1, 1, 1 }, epilogue = "relu" },
    { x = { 2, 3, 5, 4 }, w = { 4, 3, 3, 3 }, align = 4 } },
    function(a) assert.is_true(a.plans >= 1) end)

  --- A 3x3 convolution of few input channels.
  local function few(dtype, n, way, wide)
    return { x = { 128, n, 32, 32 }, w = { 64, n, 3, 3 }, padding = 1,
             dtype = dtype, way = way, wide = wide,
             epilogue = not way and "relu" or nil }
  end

  plans("is off the tensor cores with few channels, forward", {
    few("f32", 1), few("bf16", 1), few("bf16", 3), few("bf16", 12),
    few("f16", 5) }, function(a) assert.equal(0, a.has_tensor_cores) end)

  plans("is on them with channels of zeros, in little memory", {
    few("f32", 1, nil, true), few("bf16", 1, nil, true),
    few("bf16", 3, nil, true), few("bf16", 12, nil, true),
    few("f16", 5, nil, true) }, function(a, case)
      assert.equal(1, a.has_tensor_cores)
      assert.equal(case.x[2] < 8 and 8 or 16, a.channels)
      assert.is_true(tonumber(a.workspace) < 1000)
    end)

  plans("needs no channels of zeros for its gradients", {
    few("f32", 3, "grad_w"), few("bf16", 3, "grad_w"), few("f16", 3, "grad_w"),
    few("bf16", 1, "grad_w"), few("f32", 3, "grad_x"),
    few("bf16", 3, "grad_x") }, function(a)
      assert.equal(1, a.has_tensor_cores)
    end)

  plans("gets none in strict mode, with 1x1 kernels or in groups", {
    { x = { 128, 3, 32, 32 }, w = { 64, 3, 3, 3 }, wide = true, strict = true },
    { x = { 128, 3, 32, 32 }, w = { 64, 3, 1, 1 }, wide = true },
    { x = { 128, 4, 32, 32 }, w = { 64, 1, 3, 3 }, wide = true },
    few("bf16", 3, "grad_w", true) },
    function(a, case) assert.equal(case.x[2], a.channels) end)

  plans("has spares for what execution refuses", every{ "f32", "bf16" },
        function(a) assert.equal(3, a.plans) end)

  it("is read from its file, with its spares, the second time", function()
    in_new_folder(function()
      local case = { x = X, w = W, padding = 1, files = true }
      local first, why = ask(case)
      if not first then return pending(why) end
      local second = ask(case)
      assert.is_true(first.engine >= 0)
      assert.equal(-1, tonumber(second.engine))
      assert.equal(tonumber(first.workspace), tonumber(second.workspace))
      assert.equal(first.plans, second.plans)
    end)
  end)
end)

-- Three channels in bf16: cuDNN's first choice is not on tensor cores, its
-- second is.
describe("a convolution that is timed on an H100", function()
  local function few(times, files)
    return ask{ x = { 128, 3, 32, 32 }, w = { 64, 3, 3, 3 }, padding = 1,
                epilogue = "relu", dtype = "bf16", times = times,
                files = files }
  end

  it("has more choices, the fastest first", function()
    local usual, why = few()
    if not usual then return pending(why) end
    local timed = few(clock{ [1] = 3, [2] = 2 })
    assert.equal(3, usual.choices)
    assert.equal(8, timed.choices)
    assert.equal(0, usual.has_tensor_cores)
    assert.equal(1, timed.has_tensor_cores)
    assert.equal(1, timed.is_deterministic)
  end)

  it("is judged by the median of all rounds but the first", function()
    local first, why = few(clock({ 2, 3 }, function(t, i, round)
      if i == 1 and (round == 1 or round == 4) then return 100 end
      return i == 2 and round == 2 and 0.1 or t
    end))
    if not first then return pending(why) end
    assert.equal(0, first.has_tensor_cores)
  end)

  it("keeps cuDNN's order where times are equal", function()
    local usual, why = few()
    if not usual then return pending(why) end
    local timed = few(clock{ 1, 1, 1, 1, 1, 1, 1, 1 })
    assert.equal(tonumber(usual.engine), tonumber(timed.engine))
  end)

  it("passes over a choice that fails", function()
    local timed, why = few(clock({ 1, 2 }, function(t, i, round)
      return i == 1 and round == 3 and -1 or t
    end))
    if not timed then return pending(why) end
    assert.equal(1, timed.has_tensor_cores)
  end)

  it("is timed once: then its file decides, and only where it is asked for",
     function()
    in_new_folder(function()
      local first, why = few(clock{ 2, 1 }, true)
      if not first then return pending(why) end
      local again = few(clock{ 1, 2 }, true)
      assert.equal(-1, tonumber(again.engine))
      assert.equal(tonumber(first.workspace), tonumber(again.workspace))
      assert.is_true(few(nil, true).engine >= 0)
    end)
  end)

  it("is not stored where every choice failed", function()
    in_new_folder(function()
      local failed, why = few(clock{ -1, -1, -1, -1, -1, -1, -1, -1 }, true)
      if not failed then return pending(why) end
      assert.is_true(failed.engine >= 0)
      assert.is_true(few(clock{ 2, 1 }, true).engine >= 0)
    end)
  end)
end)
