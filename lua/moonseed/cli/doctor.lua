--- `moonseed doctor`: what was found on this machine, what was not and why, and
--- what to install. It runs, and says what is wrong, where moonseed does not
--- load.
local found = require "moonseed.cli.found"

local GIB = 2 ^ 30

local function line(what, ...) print(("%-14s %s"):format(what, (...))) end

-- --- what others provide ---------------------------------------------------

-- Name, how it is looked for, Debian's package, what for.
local modules = {
  { "luv", package = "lua-luv", use = "the event loop" },
  { "argparse", package = "lua-argparse", use = "options of our scripts" },
  { "cjson", package = "lua-cjson", use = "reports of runs" },
}

local programs = {
  { "compiler", names = { "cc", "gcc", "clang" }, package = "gcc",
    use = "building the core" },
  { "make", names = { "make" }, package = "make", use = "building the core" },
  { "tmux", names = { "tmux" }, flag = "-V", package = "tmux",
    use = "the specs of the interactive session" },
  { "luarocks", names = { "luarocks" }, package = "luarocks",
    use = "installing as a rock" },
}

local function report(missing, row, text)
  if not text then
    text = ("not found; install Debian's %s, for %s"):format(row.package,
                                                             row.use)
    missing[#missing + 1] = row
  end
  line(row[1], text)
end

local function others(missing)
  for _, row in ipairs(modules) do
    report(missing, row, (found.module(row[1])))
  end
  for _, row in ipairs(programs) do
    report(missing, row, found.program(row.names, row.flag or "--version"))
  end
end

local function advise(missing)
  if #missing == 0 then return end
  local names = {}
  for i, row in ipairs(missing) do names[i] = row.package end
  line("to install", "apt-get install --no-install-recommends "
       .. table.concat(names, " "))
end

-- --- moonseed itself -------------------------------------------------------

-- Where it can load nothing: what keeps it from that.
local function explain(why)
  if why:find("module 'luv'", 1, true) then why = "there is no luv" end
  line("moonseed", "does not load: " .. why)
  for _, row in ipairs{ { "libdnnl", "oneDNN", "libdnnl2" },
                        { "libz.so", "zlib", "zlib1g" },
                        { "libpng", "libpng", "libpng16-16" },
                        { "libjpeg", "libjpeg", "libjpeg62-turbo" } } do
    if why:find(row[1], 1, true) then
      return line(row[2], "not found; install Debian's " .. row[3])
    end
  end
end

local function libraries(core)
  local C, ffi = core.C, core.ffi
  -- The library's own name space reaches those it was linked with.
  ffi.cdef [[
  typedef struct { int major, minor, patch; } moon_dnnl_version;
  const moon_dnnl_version *dnnl_version(void);
  const char *zlibVersion(void);
  unsigned png_access_version_number(void);
  ]]
  local dnnl = C.dnnl_version()
  line("moonseed", ffi.string(C.moon_version()) .. ", " .. core.path)
  line("libuv", core.uv.version_string())
  line("oneDNN", ("%d.%d.%d"):format(dnnl.major, dnnl.minor, dnnl.patch))
  line("zlib", ffi.string(C.zlibVersion()))
  local png = C.png_access_version_number()  -- 10639 is 1.6.39
  line("libpng", ("%d.%d.%d"):format(png / 10000, png / 100 % 100, png % 100))
  line("libjpeg", found.library "libjpeg" or "?")
end

-- Installed, they lie beside the Lua files; in the source tree, in scripts/.
local function policies(core)
  for _, place in ipairs{ "policies", "../../scripts/policies" } do
    local folder = core.folder .. place
    if core.uv.fs_stat(folder) then
      return line("policies", core.uv.fs_realpath(folder))
    end
  end
  line("policies", "none beside " .. core.folder)
end

local function kernels(core, device)
  local C, ffi = core.C, core.ffi
  local rt = require("moonseed.context").live.rt
  local name, from = ffi.new "const char *[1]", ffi.new "const char *[1]"
  local by, k = {}, 0
  while C.moon_kernel_row(rt, device, k, name, from) == 1 do
    local source = ffi.string(from[0])
    by[source] = by[source] or {}
    table.insert(by[source], ffi.string(name[0]))
    k = k + 1
  end
  return by, k
end

local function machine(core, moon)
  local stats = moon.stats()
  line("cores", ("%d in the machine"):format(#(core.uv.cpu_info() or {})))
  line("threads", moon.threads() .. ", one per core of the affinity mask")
  line("instructions", core.ffi.string(core.C.moon_isa()))
  line("bf16", core.C.moon_has_bf16() == 1 and "for moon.autocast"
       or "this CPU has no bf16 arithmetic (avx512_bf16)")
  line("memory limit", ("%.1f GiB of %.1f"):format(
    stats.limit_bytes / GIB, core.uv.get_total_memory() / GIB))
end

local function gpus(core, rt)
  local C, ffi = core.C, core.ffi
  if C.moon_device_find(rt, "cuda:0") < 0 then
    return line("cuda", (ffi.string(C.moon_last_error()):gsub("^device: ",
                                                             "")))
  end
  local name, bytes = ffi.new "const char *[1]", ffi.new "double[2]"
  local i, index = 0, C.moon_device_find(rt, "cuda:0")
  while index >= 0 do
    C.moon_gpu_facts(rt, index, name, bytes, bytes + 1)
    line("cuda:" .. i, ("%s, %.1f GiB, limit %.1f"):format(
      ffi.string(name[0]), bytes[0] / GIB, bytes[1] / GIB))
    i = i + 1
    index = C.moon_device_find(rt, "cuda:" .. i)
  end
  local by, n = kernels(core, C.moon_device_find(rt, "cuda:0"))
  line("cuda kernels", ("%d of %d"):format(#(by.cuda or {}), n))
  if by[""] then line("", "none for: " .. table.concat(by[""], ", ")) end
end

-- wanted: MOONSEED_DEVICE, or nil.
local function devices(core, moon, wanted)
  local C, rt = core.C, require("moonseed.context").live.rt
  if not wanted then
    line("device", moon.device() .. " unless told otherwise")
  elseif C.moon_device_find(rt, wanted) >= 0 then
    line("device", wanted .. ", as MOONSEED_DEVICE says")
  else
    line("device", ("none: MOONSEED_DEVICE is %s: %s"):format(
      wanted, (core.ffi.string(C.moon_last_error()):gsub("^device: ", ""))))
  end
  local by, n = kernels(core, C.moon_device_find(rt, "cpu"))
  local files = #(by.file or {})  -- load and save belong to no device
  line("cpu kernels", ("%d of %d are its own"):format(#(by.cpu or {}),
                                                      n - files))
  for _, source in ipairs{ "ref", "" } do
    if by[source] then
      line("", (source == "" and "none for: " or "from ref: ")
           .. table.concat(by[source], ", "))
    end
  end
  gpus(core, rt)
end

local function data(missing)
  local folder = require "moonseed.data.folder"
  local places = folder.places "fashion-mnist"
  for _, name in ipairs{ "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte" } do
    if not folder.find(places, name) then
      line("fashion-mnist", ("%s.gz is not in %s; install Debian's "
           .. "dataset-fashion-mnist, or set MOONSEED_DATA"):format(
             name, table.concat(places, " or ")))
      missing[#missing + 1] = { package = "dataset-fashion-mnist" }
      return
    end
  end
  line("fashion-mnist", folder.find(places, "train-images-idx3-ubyte"))
end

--- Prints the report.
---@return integer exit status: 0 when moonseed loads
return function()
  local missing = {}
  local ok, core = pcall(require, "moonseed.ffi")
  if ok then libraries(core) else explain(tostring(core)) end
  line("luajit", jit.version)
  others(missing)
  if ok then
    -- Moonseed does not load with one that there is not.
    local wanted = os.getenv "MOONSEED_DEVICE"
    if wanted == "" then wanted = nil end
    if wanted then core.uv.os_unsetenv "MOONSEED_DEVICE" end
    local moon = require "moonseed"
    machine(core, moon)
    devices(core, moon, wanted)
    policies(core)
  end
  data(missing)
  advise(missing)
  return ok and 0 or 1
end
