--- Files of tensors, read and written off the loop thread.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local recorded = require "moonseed.recorded"
local retry = require "moonseed.retry"
local ring = require "moonseed.ring"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live, out = context.live, tensor.out

local M = {}

local known = { format = check.optional }

-- By extension. `one`: holds one tensor, without a name; `save`: is written.
local formats = {
  safetensors = { save = true }, npz = { save = true },
  npy = { save = true, one = true }, idx = { one = true },
  png = { one = true }, jpeg = { one = true },
}
local endings = { jpg = "jpeg" }

local function known_formats(save)
  local names = {}
  for name, format in pairs(formats) do
    if format.save or not save then names[#names + 1] = name end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- The name of the path's format, and what is known of it.
local function format_of(op, path, options)
  check.text(op, "the path", path)
  local o = check.options(op, options, {}, known)
  local name = o.format or (path:match "%.([%w_]+)$" or "none"):lower()
  name = endings[name] or name
  local format = formats[name]
  if not format or (op == "save" and not format.save) then
    check.fail(op, "no format '%s' (known: %s) for %s", name,
               known_formats(op == "save"), path)
  end
  return name, format
end

local function sorted_names(tensors)
  local names = {}
  for name in pairs(tensors) do
    names[#names + 1] = check.text("save", "a tensor's name", name)
  end
  table.sort(names)
  return names
end

local function named(format, tensors)
  if not format.one then
    return sorted_names(check.table("save", "its second argument", tensors)),
      tensors
  end
  tensor.pointer("save", "its second argument", tensors)
  return { "" }, { [""] = tensors }
end

--- Writes tensors by name, in the order of their names, or (npy) one tensor,
--- and waits until the file is there. Until then there is the old file or none.
---@param path string
---@param tensors table<string, userdata>|userdata
---@param options table|nil  format: "safetensors", "npy" or "npz", else by
---                          extension
---@return integer  bytes written
function M.save(path, tensors, options)
  recorded.refuse("save", "write the file outside")
  local name, format = format_of("save", path, options)
  local names, by_name = named(format, tensors)
  local n = #names
  local c_names = core.array("const char *[?]", math.max(n, 1))
  local pointers = core.array("moon_tensor *[?]", math.max(n, 1))
  for i, key in ipairs(names) do
    c_names[i - 1] = key
    pointers[i - 1] = tensor.pointer("save", "'" .. key .. "'", by_name[key])
    tensor.alive("save", by_name[key])
  end
  local written = tensor.call(C.moon_file_save, path, name, n, c_names,
                              pointers, out)
  return tensor.after(written:item(), names, by_name)
end

local job_out = ffi.new "moon_job *[1]"

-- A job, started by fn(ctx, path, how, ticket, out), that is done.
local function finished(fn, path, how)
  recorded.refuse("load", "read the file outside")
  local ticket = ring.ticket()
  local status = fn(live, path, how, ticket, job_out)
  if status < 0 then
    retry.call(status, fn, live, path, how, ticket, job_out)
  end
  local job = ffi.gc(job_out[0], C.moon_job_release)
  wait.job(job, ticket)
  check.status(C.moon_job_status(job))
  return job
end

-- Tensors by name, and the names in the file's order.
local function take_all(job)
  local tensors, names = {}, {}
  for i = 0, C.moon_job_count(job) - 1 do
    local name = ffi.string(C.moon_job_name(job, i))
    names[i + 1] = name
    tensors[name] = tensor.call(C.moon_job_take, job, i, out)
  end
  return tensors, names
end

--- Names of the pictures below a folder, and of the folders in it, which end
--- with a slash; in the order of their bytes. Waits until they are there.
---@param path string
---@return string[]
function M.pictures(path)
  check.text("load", "the path", path)
  local job, names = finished(C.moon_file_read, path, "pictures"), {}
  for i = 0, C.moon_job_count(job) - 1 do
    names[i + 1] = ffi.string(C.moon_job_name(job, i))
  end
  return names
end

--- Reads a file that the core knows; waits until it is there.
---@param path string
---@param format string|nil  another one is refused; nil: told by content
---@return table<string, userdata>  tensors by name
---@return string[]  the names, in the file's order
function M.read(path, format)
  check.text("load", "the path", path)
  return take_all(finished(C.moon_file_read, path, format))
end

--- Reads a table as text; waits until it is there.
---@param path string
---@param params userdata  moon_csv_params
---@param keep any         what these point to
---@return table<string, userdata>  x and, with a label, y
---@return userdata  moon_job, which has the texts
function M.read_csv(path, params, keep)
  local job = finished(C.moon_csv_read, path, params)
  return tensor.after(take_all(job), keep), job
end

--- Reads the tensors of a file: safetensors or npz by name; npy, idx, png or
--- jpeg the one that is there, a picture as u8 [C, H, W]. A safetensors file
--- that was altered since moon.save wrote it is an error: it states its
--- checksum. Of npy, arrays in Fortran's order become views; i1, i2 and u2
--- become i32, u4 i64, f2 f32.
---@param path string
---@param options table|nil  format: "safetensors", "npy", "npz", "idx", "png"
---                          or "jpeg", else by extension
---@return table<string, userdata>|userdata  by name, or the one
function M.load(path, options)
  local name, format = format_of("load", path, options)
  local tensors = M.read(path, name)
  if format.one then return tensors[""] end
  return tensors
end

return M
