--- Files of tensors, read and written off the loop thread.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local context = require "moonseed.context"
local retry = require "moonseed.retry"
local ring = require "moonseed.ring"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local live, out = context.live, tensor.out

local M = {}

local known = { format = check.optional }

local function check_format(op, path, options)
  check.text(op, "the path", path)
  local o = check.options(op, options, {}, known)
  local format = o.format or path:match "%.([%w_]+)$" or "none"
  if format ~= "safetensors" then
    check.fail(op, "no format '%s' (known: safetensors) for %s", format, path)
  end
end

local function sorted_names(tensors)
  local names = {}
  for name in pairs(tensors) do
    names[#names + 1] = check.text("save", "a tensor's name", name)
  end
  table.sort(names)
  return names
end

--- Writes tensors by name, in the order of their names, and waits until the
--- file is there. Until then there is the old file or none.
---@param path string
---@param tensors table<string, userdata>
---@param options table|nil  format: "safetensors", else by extension
---@return integer  bytes written
function M.save(path, tensors, options)
  check_format("save", path, options)
  check.table("save", "its second argument", tensors)
  local names = sorted_names(tensors)
  local n = #names
  local c_names = core.array("const char *[?]", math.max(n, 1))
  local pointers = core.array("moon_tensor *[?]", math.max(n, 1))
  for i, name in ipairs(names) do
    c_names[i - 1] = name
    pointers[i - 1] = tensor.pointer("save", "'" .. name .. "'", tensors[name])
  end
  local written = tensor.call(C.moon_file_save, path, n, c_names, pointers,
                              out)
  return tensor.after(written:item(), names, tensors)
end

local job_out = ffi.new "moon_job *[1]"

local function start_job(path)
  local ticket = ring.ticket()
  local status = C.moon_file_read(live, path, ticket, job_out)
  if status < 0 then
    retry.call(status, C.moon_file_read, live, path, ticket, job_out)
  end
  return ffi.gc(job_out[0], C.moon_job_release), ticket
end

--- Reads a file that the core knows (idx, plain or gzip; safetensors); waits
--- until it is there.
---@param path string
---@return table<string, userdata>  tensors by name
---@return string[]  the names, in the file's order
function M.read(path)
  local job, ticket = start_job(check.text("load", "the path", path))
  wait.job(job, ticket)
  check.status(C.moon_job_status(job))
  local tensors, names = {}, {}
  for i = 0, C.moon_job_count(job) - 1 do
    local name = ffi.string(C.moon_job_name(job, i))
    names[i + 1] = name
    tensors[name] = tensor.call(C.moon_job_take, job, i, out)
  end
  return tensors, names
end

--- Reads the tensors of a file. One that was altered since moon.save wrote it
--- is an error: it states its checksum.
---@param path string
---@param options table|nil  format: "safetensors", else by extension
---@return table<string, userdata>  by name
function M.load(path, options)
  check_format("load", path, options)
  return (M.read(path))
end

return M
