--- Reading values: each of these waits until they are there.

local core = require "moonseed.ffi"
local check = require "moonseed.check"
local recorded = require "moonseed.recorded"
local tensor = require "moonseed.tensor"
local wait = require "moonseed.wait"
local C, ffi = core.C, core.ffi

local methods, pointer = tensor.methods, tensor.pointer

local M = {}

local number = ffi.new "double[1]"
local c_types = { f32 = "float", f64 = "double", i64 = "int64_t",
                  i32 = "int32_t", u8 = "uint8_t", bool = "uint8_t",
                  bf16 = "uint16_t", f16 = "uint16_t" }  -- their bits

--- The C type of a pointer to a tensor's elements.
---@param dtype string
---@param writes boolean  not const
---@return string
function M.pointer_type(dtype, writes)
  return (writes and "" or "const ") .. c_types[dtype] .. " *"
end

--- Suspends until the value is there; raises the error it carries.
---@return userdata  the tensor
function methods.await(t)
  pointer("await", "t", t)
  recorded.refuse_read "await"
  tensor.alive("await", t)
  wait.tensor(t)
  return t
end

--- The tensor where the host can read it.
---@param t userdata
---@return userdata
function M.on_host(t)
  local device = methods.device(t)
  return device:sub(1, 4) == "cuda" and methods.to(t, "cpu") or t
end

--- The element at `index` (from 0, in logical order) of a complete tensor.
---@param t userdata
---@param index integer
---@return number
function M.element(t, index)
  check.status(C.moon_tensor_item(t.p, index, number))
  return number[0]
end

--- The one value of a tensor, as a Lua number or boolean.
---@return number|boolean
function methods.item(t)
  local p = pointer("item", "t", t)
  recorded.refuse_read "item"
  tensor.alive("item", t)
  if C.moon_tensor_numel(p) ~= 1 then
    check.fail("item", "the tensor is %s; it takes one element",
               tensor.shape_text(t))
  end
  local host = M.on_host(t)
  wait.tensor(host)
  local value = M.element(host, 0)
  if C.moon_tensor_dtype(p) == C.MOON_BOOL then return value ~= 0 end
  return value
end

--- The elements in logical order, once they are there; those of bf16 and f16 as
--- f32. Valid until anything else of moonseed is called.
---@param t userdata  a tensor
---@return userdata  typed pointer to the first element
function M.values(t)
  local host = methods.contiguous(M.on_host(t:detach()))
  if check.halves[methods.dtype(host)] then host = methods.to(host, "f32") end
  wait.tensor(host)
  local data = C.moon_tensor_data(host.p)
  return ffi.cast(M.pointer_type(methods.dtype(host), false), data)
end

-- What a Lua table holds for an element.
local function to_lua(dtype)
  if dtype == "bool" then return function(v) return v ~= 0 end end
  return tonumber
end

local function nest(data, shape, depth, at, convert)
  local list, extent = {}, shape[depth]
  if depth == #shape then
    for i = 1, extent do list[i] = convert(data[at + i - 1]) end
    return list, at + extent
  end
  for i = 1, extent do
    list[i], at = nest(data, shape, depth + 1, at, convert)
  end
  return list, at
end

--- The values as nested tables; a number or boolean for a scalar.
---@return table|number|boolean
function methods.totable(t)
  pointer("totable", "t", t)
  recorded.refuse_read "totable"
  tensor.alive("totable", t)
  local shape = methods.shape(t)
  if #shape == 0 then return methods.item(t) end
  local data = M.values(t)
  return (nest(data, shape, 1, 0, to_lua(methods.dtype(t))))
end

return M
