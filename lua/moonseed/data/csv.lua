--- Reads tables of numbers as text, one example a line.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local dataset = require "moonseed.data.dataset"
local moon = require "moonseed"
local pace = require "moonseed.pace"
local tensor = require "moonseed.tensor"
local C, ffi = core.C, core.ffi

local known = { header = check.optional, label = check.optional,
                separator = "," }

local function trim(text)
  return text:match '^%s*"?(.-)"?%s*$'
end

local function cells(line, separator)
  local list, at = {}, 1
  while true do
    local from, to = line:find(separator, at, true)
    list[#list + 1] = trim(line:sub(at, (from or 0) - 1))
    if not from then return list end
    at = to + 1
  end
end

-- Whether the first line names the columns: some cell is no number, other
-- than the label's.
local function is_header(row, label)
  for i, cell in ipairs(row) do
    if i ~= label and not tonumber(cell) then return true end
  end
  return false
end

local function label_column(o, names, n)
  if o.label == nil or type(o.label) == "number" then
    if o.label and (o.label % 1 ~= 0 or o.label < 1 or o.label > n) then
      check.fail("csv", "%s: label column %g of %d", o.path, o.label, n)
    end
    return o.label
  end
  for i = 1, #names do if names[i] == o.label then return i end end
  check.fail("csv", "%s: no column '%s' (%s)", o.path, tostring(o.label),
             #names > 0 and table.concat(names, ", ") or "there is no header")
end

-- Class ids: whole numbers from 0 as they are, other texts numbered in the
-- order of their first appearance.
local function labels(table_)
  local y, classes, id = {}, {}, {}
  local whole = true
  for _, text in ipairs(table_.labels) do
    local value = tonumber(text)
    whole = whole and value and value >= 0 and value % 1 == 0
  end
  for i, text in ipairs(table_.labels) do
    if whole then
      y[i] = tonumber(text)
    else
      if not id[text] then
        classes[#classes + 1], id[text] = text, #classes
      end
      y[i] = id[text]
    end
  end
  return moon.tensor(y, { dtype = "i64" }), not whole and classes or nil
end

local function add_row(self, row, number)
  local path = self.options.path
  if #row ~= self.width then
    check.fail("csv", "%s:%d: %d columns, the first line has %d", path, number,
               #row, self.width)
  end
  for i, cell in ipairs(row) do
    if i == self.label then
      self.labels[#self.labels + 1] = cell
    else
      local value = tonumber(cell)
      if not value then
        check.fail("csv", "%s:%d: column %d%s: '%s' is not a number", path,
                   number, i,
                   self.names[i] and " (" .. self.names[i] .. ")" or "", cell)
      end
      self.values[#self.values + 1] = value
    end
  end
  self.n = self.n + 1
end

local function begin(self, row)
  local o = self.options
  local first = type(o.label) == "number" and o.label or nil
  local header = o.header
  if header == nil then header = is_header(row, first) end
  self.width = #row
  self.names = header and row or {}
  self.label = label_column(o, self.names, #row)
  return header
end

local function read(o)
  local file, why = io.open(o.path, "r")
  if not file then check.fail("csv", "%s", why) end
  local self = { options = o, values = {}, labels = {}, n = 0 }
  local number = 0
  local ok, message = pcall(function()
    for line in file:lines() do
      number = number + 1
      if line:find "%S" then
        local row = cells(line, o.separator)
        local is_row = self.width or not begin(self, row)
        if is_row then add_row(self, row, number) end
      end
      pace.pause()
    end
  end)
  file:close()
  if not ok then error(message, 0) end
  if self.n == 0 then check.fail("csv", "%s has no rows", o.path) end
  return self
end

--- moon.data.csv{ path, label = column, header = nil, separator = "," }:
--- a data set with x f32 [N, columns]; with a label column (its name, or its
--- position from 1) also y i64 [N]. header: whether the first line names the
--- columns; found out unless given. The file is read on the loop thread, in
--- pieces between which other tasks run.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("csv", options, { "path" }, known)
  check.text("csv", "path", o.path)
  check.text("csv", "separator", o.separator)
  local rows = read(o)
  local n = #rows.values
  local shape = ffi.new("int64_t[2]", rows.n, n / rows.n)
  local x = tensor.call(C.moon_from_host, C.MOON_F32, 2, shape,
                        core.array("float[?]", n, rows.values), 4 * n,
                        tensor.out)
  local y, classes
  if rows.label then y, classes = labels(rows) end
  return dataset.new{ source_x = x, source_y = y, n = rows.n,
                      classes = classes }
end
