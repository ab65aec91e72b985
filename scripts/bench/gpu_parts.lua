--- What scripts/bench/gpu does, part by part: those that matter most first.
--
-- A part has a name, seconds that it may take, a title for the tables, and
-- either peers, ours first, with rounds, `cold` (no round to warm up) and
-- `higher` as benches.lua has them; or jobs, commands whose output is counted.

local here = "scripts/bench/"

local make = {}

-- A spec is in the shard of its number; all run at once, each on cores of its
-- own, as many as it has threads.
function make.specs(at)
  local jobs, each = {}, math.floor(at.cores / at.shards)
  for i = 1, at.shards do
    local command = { "taskset", "-c",
                      ("%d-%d"):format((i - 1) * each, i * each - 1),
                      "scripts/checks/gpu", "--output=TAP", "-v" }
    if at.tiny then
      command[#command + 1] = "spec/op/softmax_spec.lua"
      command[#command + 1] = "spec/op/fill_spec.lua"
    end
    jobs[i] = { ("specs %d of %d"):format(i, at.shards), command,
                { SHARD = ("%d/%d"):format(i, at.shards) } }
  end
  return { seconds = 110, jobs = jobs, file = "specs.txt",
           title = "Specs of operations and of GPUs" }
end

function make.stress(at)
  return { seconds = 25, file = "stress.txt", title = "The C stress driver",
           jobs = { { "stress", { "scripts/checks/gpu_stress",
                                  "build/stress", at.tiny and 3 or 15 } } } }
end

local function sanitize(tool, ...)
  return { tool, { "compute-sanitizer", "--tool", tool, "--target-processes",
                   "all", "scripts/checks/gpu", "--output=TAP", ... } }
end

function make.sanitizer()
  local op = "spec/op/"
  return {
    seconds = 60, file = "sanitizer.txt", title = "compute-sanitizer",
    needs = "compute-sanitizer", jobs = {
      sanitize("memcheck", op .. "softmax_spec.lua",
               op .. "batch_norm_spec.lua", op .. "max_pool2d_spec.lua",
               op .. "reduce_spec.lua"),
      sanitize("racecheck", op .. "softmax_spec.lua",
               op .. "layer_norm_spec.lua"),
    },
  }
end

local function ours(at, script, ...)
  return { "moonseed", { "scripts/moonseed", here .. script, at.threads, ... },
           { MOONSEED_DEVICE = "cuda:0", MOONSEED_CUDNN_TUNE = "1" } }
end

local function with(participant, name, env)
  participant[1] = name
  for key, value in pairs(env) do participant[3][key] = value end
  return participant
end

-- Adds PyTorch where there is one. The last argument is its mode.
local function add_torch(at, list, script, ...)
  if at.torch then
    local command = { at.torch, here .. script, at.threads, ... }
    list[#list + 1] = { "PyTorch " .. command[#command], command,
                        { LD_LIBRARY_PATH = at.library_path,
                          MOONSEED_BENCH_DEVICE = at.device } }
  end
  return list
end

function make.conv(at)
  local files = here .. "shapes.txt," .. here .. "shapes_gpu.txt"
  if at.tiny then files = here .. "shapes_tiny.txt" end
  return {
    seconds = 100, rounds = 3, cold = true, means = true,
    title = "Convolutions (n, c, h, k, r; s: strided, g: depthwise), ms",
    peers = add_torch(at, { ours(at, "conv.lua", files, "f32,bf16") },
                      "torch_conv.py", files, "f32,bf16", "channels_last"),
  }
end

local function step(at, mode)
  local sizes = at.tiny and { 1, "cnn", "2" } or { 20, "resnet9", "128,512" }
  sizes[4] = "bf16"
  return { higher = "images_per_s$", peers = add_torch(at,
    { ours(at, "step.lua", unpack(sizes)) }, "torch_step.py",
    sizes[1], sizes[2], sizes[3], sizes[4], mode) }
end

function make.step(at)
  local part = step(at, "channels_last")
  part.seconds, part.rounds = 70, 5
  part.title = "Training step (network, batch), bf16, channels-last"
  return part
end

function make.compile(at)
  local part = step(at, "compile")
  part.seconds, part.rounds = 110, 3
  part.title = "Training step beside torch.compile"
  return part
end

function make.submit(at)
  local count = at.tiny and 2 or 500
  return {
    seconds = 30, rounds = 5,
    title = "Small operations, us each: until the call is back, until all done",
    peers = add_torch(at, { ours(at, "submit.lua", count) }, "torch_submit.py",
                      count, "channels_last"),
  }
end

function make.dispatch(at)
  return {
    seconds = 20, rounds = 3, title = "Submitting and awaiting",
    peers = add_torch(at, { ours(at, "dispatch.lua") }, "torch_dispatch.py",
                      "channels_last"),
  }
end

function make.latency(at)
  local sizes = at.tiny and { 5, 16, 64, 0.2 } or { 1000, 2048, 8192, 2 }
  local peers = {
    ours(at, "latency.lua", unpack(sizes)),
    with(ours(at, "latency.lua", unpack(sizes)), "moonseed, host function",
         { MOONSEED_GPU_NOTIFY = "host" }),
  }
  add_torch(at, peers, "torch_latency.py", sizes[1], sizes[2], "spinning")
  add_torch(at, peers, "torch_latency.py", sizes[1], sizes[2], "blocking")
  return { seconds = 45, rounds = 3, higher = "ticks_share$", peers = peers,
           title = "From the end of a kernel to the task; the loop while busy" }
end

function make.branches(at)
  local sizes = at.tiny and { "1,2", "2", 4, 8 }
    or { "1,2,4,8", "8,32,128,512", 64, 16 }
  sizes[5] = "bf16"
  local list = { ours(at, "grid.lua", unpack(sizes)) }
  sizes[6] = "channels_last"
  return {
    seconds = 45, rounds = 3, cold = true,
    title = "Branches x batch, eight 3x3 convolutions each (64 channels, "
      .. "16x16, bf16), ms",
    peers = add_torch(at, list, "torch_grid.py", unpack(sizes)),
  }
end

function make.long(at)
  local list = { ours(at, "long.lua", at.tiny and 10 or 10000,
                      at.tiny and 64 or 8192, at.tiny and "" or "driver") }
  return { seconds = 60, rounds = 1, cold = true, peers = list,
           title = "Memory over many steps; out of memory" }
end

-- A round is a whole training, in a process of its own.
function make.fashion(at)
  local epochs, mode = at.tiny and 1 or 16, "channels_last"
  local train = { "luajit", here .. "whole.lua", "scripts/moonseed",
                  "scripts/train_fashion.lua", "--until", at.until_accuracy,
                  "--epochs", epochs, "--threads", at.threads }
  if at.tiny then train[#train + 1], train[#train + 2] = "--images", 2 end
  local list = { { "moonseed", train,
                   { MOONSEED_DEVICE = "cuda:0", MOONSEED_DATA = at.data } } }
  if at.torch and not at.tiny then
    list[2] = { "PyTorch " .. mode, { "luajit", here .. "whole.lua", at.torch,
                here .. "torch_fashion.py", at.threads, at.until_accuracy,
                epochs, mode },
                { LD_LIBRARY_PATH = at.library_path, MOONSEED_DATA = at.data,
                  MOONSEED_BENCH_DEVICE = at.device } }
  end
  return {
    seconds = 90, rounds = 2, cold = true, peers = list,
    file_needed = at.data .. "/fashion-mnist/train-images-idx3-ubyte.gz",
    title = ("Fashion-MNIST to %g %%, from a cold process")
      :format(at.until_accuracy),
  }
end

local names = { "specs", "conv", "step", "submit", "latency", "branches",
                "long", "fashion", "compile", "stress", "dispatch",
                "sanitizer" }

--- All parts, in their order.
---@param at table  threads, cores, shards (of specs), torch (a Python, or
---                 nil), device (of PyTorch), library_path (that Python's),
---                 data (folder), until_accuracy (percent), tiny (whether to
---                 only try them)
---@return table[]
return function(at)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = make[name](at)
    list[i].name = name
  end
  return list
end
