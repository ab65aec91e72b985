-- How convolutions are planned for an H100, without one: cuDNN builds plans
-- from a description of the device (h100.json).

local ffi = require "ffi"

ffi.cdef [[
  typedef struct moon_conv_question {
    int32_t way, dtype, epilogue, strict, adds, align;
    int64_t x[4], w[4], step, padding, dilation;
  } moon_conv_question;
  typedef struct moon_conv_answer {
    int64_t engine, workspace;
    int32_t plans, has_tensor_cores, is_deterministic, is_compiled;
  } moon_conv_answer;
  int moon_cuda_inspect_convolution(const char *device, int files,
    const moon_conv_question *question, moon_conv_answer *out, char *why,
    size_t size);
  int setenv(const char *name, const char *value, int overwrite);
  int unsetenv(const char *name);
]]

local WAYS = { forward = 0, grad_x = 1, grad_w = 2 }
local DTYPES = { f32 = 0, f64 = 1, bf16 = 6, f16 = 7 }
local EPILOGUES = { none = 0, bias = 1, relu = 2 }
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
    step = q.stride or 1, padding = q.padding or 0, dilation = 1 })
  local answer = ffi.new "moon_conv_answer"
  local why = ffi.new "char[200]"
  local status = library.moon_cuda_inspect_convolution(device,
    q.files and 1 or 0, question, answer, why, 200)
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

  it("is read from its file the second time", function()
    local folder = os.tmpname()
    os.remove(folder)
    local before = os.getenv "XDG_CACHE_HOME"
    ffi.C.setenv("XDG_CACHE_HOME", folder, 1)
    local case = { x = X, w = W, padding = 1, files = true }
    local first, why = ask(case)
    local second = first and ask(case)
    if before then ffi.C.setenv("XDG_CACHE_HOME", before, 1)
    else ffi.C.unsetenv "XDG_CACHE_HOME" end
    os.execute("rm -rf '" .. folder .. "'")
    if not first then return pending(why) end
    assert.is_true(first.engine >= 0)
    assert.equal(-1, tonumber(second.engine))
    assert.equal(tonumber(first.workspace), tonumber(second.workspace))
  end)
end)
