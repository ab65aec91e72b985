--- The benchmarks: who takes part in each, ours first.

local here = "scripts/bench/"

-- What makes glibc keep memory instead of giving it back to the system.
local KEEP = {
  MALLOC_MMAP_THRESHOLD_ = "4294967296",
  MALLOC_TRIM_THRESHOLD_ = "4294967296",
  MALLOC_TOP_PAD_ = "268435456",
}

---@param at table  { build = , threads = , torch = nil or python, jemalloc = }
---@return table[] benches
return function(at)
  local threads = at.threads

  local function ours(script, ...)
    return { "moonseed", { "scripts/moonseed", here .. script, ... } }
  end

  local function bare(program, name, ...)
    return { name or "bare oneDNN", { at.build .. "/bench/" .. program, ... } }
  end

  local function torch(name, env, script, ...)
    if not at.torch then return nil end
    return { "PyTorch " .. name, { at.torch, here .. script, ... }, env }
  end

  --- PyTorch with each malloc there is.
  local function torches(list, layout, script, ...)
    list[#list + 1] = torch(layout, nil, script, ...)
    list[#list + 1] = torch(layout .. ", kept", KEEP, script, ...)
    if at.jemalloc then
      list[#list + 1] = torch(layout .. ", jemalloc",
        { LD_PRELOAD = at.jemalloc }, script, ...)
    end
  end

  local step = { ours("step.lua", threads, 4),
                 bare("step_onednn", nil, threads, 4) }
  torches(step, "channels_last", "torch_step.py", threads, 4, "channels_last")
  step[#step + 1] = torch("contiguous", nil, "torch_step.py", threads, 4,
    "contiguous")

  local shapes = here .. "shapes.txt"
  local conv = { ours("conv.lua", threads, shapes),
                 bare("conv_onednn", nil, threads, "shapes", shapes) }
  torches(conv, "channels_last", "torch_conv.py", threads, shapes,
    "channels_last")

  local branches = {
    ours("branches.lua", threads),
    { "moonseed, one thread",
      { "scripts/moonseed", here .. "branches.lua", 1 } },
    bare("conv_onednn", nil, threads, "branches"),
    bare("conv_onednn", "bare oneDNN, one thread", 1, "branches"),
    torch("channels_last", nil, "torch_conv.py", threads, "branches",
      "channels_last"),
  }

  local dispatch = { ours("dispatch.lua", threads),
                     torch("eager", nil, "torch_dispatch.py", threads) }

  local function startup(name, ...)
    return { name, { "luajit", here .. "startup.lua", ... } }
  end
  local start = {
    startup("moonseed -e", "scripts/moonseed", "-e", "print(1)"),
    startup("luajit -e", "luajit", "-e", "print(1)"),
  }
  if at.torch then
    start[#start + 1] = startup("PyTorch", at.torch, "-c",
      "import torch; print(1)")
  end

  local loop = {
    ours("loop.lua", threads),
    { "two busy threads", { "luajit", here .. "busy.lua", threads } },
  }

  return {
    { name = "step", rounds = 7, peers = step,
      higher = { ["step:images_per_s"] = true } },
    { name = "conv", rounds = 5, peers = conv, higher = {} },
    { name = "branches", rounds = 9, peers = branches, higher = {} },
    { name = "dispatch", rounds = 7, peers = dispatch, higher = {} },
    { name = "startup", rounds = 5, peers = start, higher = {} },
    { name = "loop", rounds = 3, peers = loop,
      higher = { ["ticks:share"] = true } },
  }
end
