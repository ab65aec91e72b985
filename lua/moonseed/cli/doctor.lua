--- `moonseed doctor`: what was found on this machine, and what was not, why.
local core = require "moonseed.ffi"
local moon = require "moonseed"
local folder = require "moonseed.data.folder"
local context = require "moonseed.context"
local C, ffi = core.C, core.ffi

-- The library's own name space reaches those it was linked with.
ffi.cdef [[
typedef struct { int major, minor, patch; } moon_dnnl_version;
const moon_dnnl_version *dnnl_version(void);
const char *zlibVersion(void);
]]

local function line(what, ...) print(("%-14s %s"):format(what, (...))) end

local function libraries()
  local dnnl = C.dnnl_version()
  line("moonseed", ffi.string(C.moon_version()) .. ", " .. core.path)
  line("luajit", jit.version)
  line("libuv", core.uv.version_string())
  line("oneDNN", ("%d.%d.%d"):format(dnnl.major, dnnl.minor, dnnl.patch))
  line("zlib", ffi.string(C.zlibVersion()))
end

local function kernels(device)
  local name, from = ffi.new "const char *[1]", ffi.new "const char *[1]"
  local by, k = {}, 0
  while C.moon_kernel_row(context.live.rt, device, k, name, from) == 1 do
    local source = ffi.string(from[0])
    by[source] = by[source] or {}
    table.insert(by[source], ffi.string(name[0]))
    k = k + 1
  end
  return by, k
end

local function devices()
  local rt = context.live.rt
  local gib = 2 ^ 30
  line("threads", moon.threads() .. ", one per core of the affinity mask")
  line("instructions", ffi.string(C.moon_isa()))
  line("memory limit", ("%.1f GiB"):format(moon.stats().limit_bytes / gib))
  line("device", moon.device() .. " unless told otherwise")
  local cpu = C.moon_device_find(rt, "cpu")
  local by, n = kernels(cpu)
  local files = #(by.file or {})  -- load and save belong to no device
  line("cpu kernels", ("%d of %d are its own"):format(#(by.cpu or {}),
                                                      n - files))
  for _, source in ipairs{ "ref", "" } do
    if by[source] then
      line("", (source == "" and "none for: " or "from ref: ")
           .. table.concat(by[source], ", "))
    end
  end
  if C.moon_device_find(rt, "cuda:0") < 0 then
    line("cuda", (ffi.string(C.moon_last_error()):gsub("^device: ", "")))
  end
end

local function data()
  local places = folder.places "fashion-mnist"
  local path = folder.find(places, "train-images-idx3-ubyte")
  line("fashion-mnist", path or ("not in " .. table.concat(places, " or ")
       .. "; install Debian's dataset-fashion-mnist, or set MOONSEED_DATA"))
end

--- Prints the report.
---@return integer exit status
return function()
  libraries()
  devices()
  data()
  return 0
end
