--- What a checkpoint is written to and read from: tensors by name, and one
--- plain table, as one safetensors file that other tools can read. The table
--- goes as text in a u8 tensor, its numbers exact; JSON libraries print 14
--- digits.

local check = require "moonseed.check"
local codec = require "moonseed.seed.policy.codec"
local core = require "moonseed.ffi"
local file = require "moonseed.file"
local moon = require "moonseed"
local read = require "moonseed.read"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local Archive = {}
Archive.__index = Archive

local TABLE = "moonseed.state"

---@return table  with `plain`, a table to fill
function Archive.new()
  return setmetatable({ plain = {}, tensors = {} }, Archive)
end

local function copy_of(t)
  return function() return t:detach():clone():keep() end
end

--- Takes a copy of a tensor as it is at this point of the stream; enqueues.
---@param name string
---@param t userdata
function Archive:put(name, t)
  if self.tensors[name] then
    check.fail("checkpoint", "two tensors are called %s", name)
  end
  self.tensors[name] = moon.no_grad(copy_of(t))
end

--- Takes copies of tensors by name, under `prefix`.
---@param prefix string
---@param tensors table<string, userdata>
function Archive:put_all(prefix, tensors)
  for name, t in pairs(tensors) do self:put(prefix .. name, t) end
end

--- A tensor by name, or nil.
---@param name string
---@return userdata|nil
function Archive:get(name) return self.tensors[name] end

--- The tensors whose names begin with `prefix`, without it.
---@param prefix string
---@return table<string, userdata>
function Archive:all(prefix)
  local found = {}
  for name, t in pairs(self.tensors) do
    if name:sub(1, #prefix) == prefix then
      found[name:sub(#prefix + 1)] = t
    end
  end
  return found
end

local extent = ffi.new "int64_t[1]"

local function bytes_of(text)
  extent[0] = #text
  return tensor.call(C.moon_from_host, C.MOON_U8, 1, extent, text, #text,
                     tensor.out):keep()
end

--- Writes the plain table down as it is now; what changes later is not in the
--- file.
---@return table self
function Archive:seal()
  self.tensors[TABLE] = bytes_of(codec.encode(self.plain, "the state"))
  return self
end

--- Writes the file of a sealed archive; suspends until it is there, whole and
--- synced, under its name. The copies are given back.
---@param path string
---@return integer  bytes
function Archive:save(path)
  local ok, result = pcall(file.save, path, self.tensors)
  for _, t in pairs(self.tensors) do t:dispose() end
  self.tensors = {}
  if not ok then error(result, 0) end
  return result
end

--- Reads a file; suspends until it is there.
---@param path string
---@return table
function Archive.load(path)
  local tensors = file.load(path)
  local state = tensors[TABLE]
  if not state then
    check.fail("checkpoint", "%s holds no %s: not a checkpoint", path, TABLE)
  end
  local text = ffi.string(read.values(state), state:numel())
  local ok, plain = pcall(codec.decode, text)
  if not ok then
    check.fail("checkpoint", "%s: its state cannot be read: %s", path, plain)
  end
  tensors[TABLE] = nil
  return setmetatable({ plain = plain, tensors = tensors }, Archive)
end

return Archive
