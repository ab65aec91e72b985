--- Runs the parts of scripts/bench/gpu, which see, each within its time.

package.path = "scripts/bench/?.lua;scripts/?.lua;" .. package.path
local gpu_parts = require "gpu_parts"
local gpu_table = require "gpu_table"
local jobs = require "jobs"
local results = require "results"
local turns = require "turns"
local uv = require "luv"

local LEAST = 8  -- seconds; a part is not begun with less

local known = { parts = tostring, seconds = tonumber, data = tostring,
                ["until"] = tonumber, tiny = tostring }

local function options(args)
  local o = { out = args[1], seconds = 540, ["until"] = 93,
              data = os.getenv "MOONSEED_DATA" or "/usr/share/datasets" }
  for i = 2, #args do
    local name, value = args[i]:match "^(%l+)=(.*)$"
    if not known[name] then
      error(args[i] .. ": there are parts=, seconds=, data=, until=, tiny=", 0)
    end
    o[name] = known[name](value) or error(args[i] .. " is no number", 0)
  end
  return o
end

-- What a command prints, its first line; nil if it fails.
local function said(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe:read "*l"
  pipe:close()
  return line ~= "" and line or nil
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- PyTorch's version, and the GPU's name where it has one.
local function torch_of(python, device)
  if python == "none" then return nil end
  return said(("LD_LIBRARY_PATH=%s %s -c %s"):format(
    quote(os.getenv "BENCH_LIBRARY_PATH" or ""), quote(python), quote(
      "import torch; print('PyTorch', torch.__version__, 'cuDNN',"
      .. " torch.backends.cudnn.version()," .. (device == "cuda"
      and " torch.cuda.get_device_name()" or "'on the CPU'") .. ")")))
end

local function about(o, torch, emulated)
  local smi = said("nvidia-smi --query-gpu=name,driver_version,memory.total "
                   .. "--format=csv,noheader")
  return {
    "device: " .. (emulated and "the emulated GPU; its times mean nothing"
      or smi or "unknown, there is no nvidia-smi"),
    "host: " .. results.machine() .. ", " .. #uv.cpu_info() .. " cores",
    "peer: " .. (torch or "none"),
    "ours: " .. (said "scripts/moonseed --version" or "does not start"),
    ("command: `scripts/bench/gpu %s`, %s"):format(
      table.concat(arg, " "), os.date "!%Y-%m-%d %H:%M UTC"),
    o.tiny and "sizes: tiny, to try it out" or nil,
  }
end

-- --- a part -----------------------------------------------------------------

-- Rounds, as many as there is time for. Round 0 warms up.
local function run_rounds(peers, part, left, add)
  local longest = 0
  for round = part.cold and 1 or 0, part.rounds do
    local before = left()
    if before < 1.1 * longest then break end
    turns.run(peers, round, function(...) add(round, ...) end)
    longest = math.max(longest, before - left())
  end
end

local function run_peers(part, result, left)
  local peers, warm, counts = {}, {}, false
  local function add(round, peer, metric, value)
    if round == 0 then
      warm[#warm + 1] = { 1, peer, metric, value }
    else
      counts = true
      result:add(round, peer, part.name .. "/" .. metric, value)
    end
  end
  local ok, why = pcall(function()
    turns.start(peers, part.peers, left)
    run_rounds(peers, part, left, add)
  end)
  for _, peer in ipairs(peers) do peer:stop() end
  if not counts then  -- better than nothing
    for _, values in ipairs(warm) do add(unpack(values)) end
  end
  if not ok then error(why, 0) end
end

local function run_jobs(part, result, left, out)
  local counts = jobs.run(part.jobs, out .. "/" .. part.file, left)
  for _, count in ipairs(counts) do
    for _, name in ipairs(jobs.kinds) do
      result:add(1, "moonseed", ("%s/%s: %s"):format(part.name, count.name,
                                                     name), count[name])
    end
  end
end

-- Why a part cannot be run here; nil if it can.
local function missing(part)
  if part.needs and not said("command -v " .. part.needs) then
    return "there is no " .. part.needs
  elseif part.file_needed and not uv.fs_stat(part.file_needed) then
    return "there is no " .. part.file_needed .. "; give data=FOLDER"
  end
end

local function run(part, result, seconds, out)
  local begin, limit = uv.hrtime(), math.min(part.seconds, seconds)
  local function left() return limit - (uv.hrtime() - begin) / 1e9 end
  print(("\n--- %s: at most %.0f s"):format(part.name, limit))
  local why = missing(part)
  if not why and seconds < LEAST then why = "no time was left" end
  if not why then
    local ok, wrong = pcall(part.jobs and run_jobs or run_peers, part, result,
                            left, out)
    if not ok then why = tostring(wrong) end
  end
  print(("%s: %s after %.0f s"):format(part.name, why or "done",
                                       (uv.hrtime() - begin) / 1e9))
  return why
end

-- The parts that are asked for, in their order.
local function choose(list, wanted)
  if not wanted then return list end
  local chosen, set = {}, {}
  for name in wanted:gmatch "[^,]+" do set[name] = true end
  for _, part in ipairs(list) do
    if set[part.name] then chosen[#chosen + 1] = part end
    set[part.name] = nil
  end
  if next(set) then error("no part " .. next(set), 0) end
  return chosen
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function main()
  local begin, o = uv.hrtime(), options(arg)
  local emulated = os.getenv "MOONSEED_GPU" == "emulated"
  local device = emulated and "cpu" or "cuda"
  local python, cores = os.getenv "BENCH_PYTHON", #uv.cpu_info()
  uv.os_setenv("MOONSEED_GPU", emulated and "emulated" or "cuda")
  local torch = torch_of(python, device)
  local lines, left_out = about(o, torch, emulated), {}
  for _, line in ipairs(lines) do print(line) end
  os.execute "scripts/moonseed doctor"
  io.stdout:flush()
  local parts = choose(gpu_parts{
    threads = emulated and 1 or math.min(cores, 8), device = device,
    cores = cores, shards = emulated and 1
      or math.max(1, math.min(4, math.floor(cores / 4))),
    torch = torch and python, data = o.data, until_accuracy = o["until"],
    library_path = os.getenv "BENCH_LIBRARY_PATH" or "", tiny = o.tiny,
  }, o.parts)
  local result = results.new()
  for _, part in ipairs(parts) do
    local why = run(part, result, o.seconds - (uv.hrtime() - begin) / 1e9,
                    o.out)
    if why then left_out[#left_out + 1] = part.name .. ": " .. why end
    result:write(o.out .. "/gpu.csv")
    write(o.out .. "/gpu.md", gpu_table.page(parts, result, lines, left_out))
  end
  print("\n" .. gpu_table.page(parts, result, lines, left_out))
end

io.stdout:setvbuf "line"
local ok, why = pcall(main)
if not ok then
  print("scripts/bench/gpu: " .. tostring(why))
  os.exit(2)
end
