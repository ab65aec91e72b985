--- Reads tables as text, one example a line, plain or gzip, off the loop
--- thread.
local check = require "moonseed.check"
local core = require "moonseed.ffi"
local dataset = require "moonseed.data.dataset"
local file = require "moonseed.file"
local C, ffi = core.C, core.ffi

-- What counts as an empty cell.
local EMPTY = { "", "NA", "N/A", "NaN", "nan", "null", "None" }

local known = { header = check.optional, label = check.optional,
                separator = ",", types = check.optional, missing = "error",
                empty = EMPTY, dtype = "f32" }

local kinds = { number = tonumber(C.MOON_CSV_NUMBER),
                bool = tonumber(C.MOON_CSV_BOOL),
                category = tonumber(C.MOON_CSV_CATEGORY),
                skip = tonumber(C.MOON_CSV_SKIP) }
local missing = { error = tonumber(C.MOON_CSV_REFUSE),
                  nan = tonumber(C.MOON_CSV_NAN),
                  drop = tonumber(C.MOON_CSV_DROP) }

-- A list of texts as C takes it; `keep` holds what it points to.
local function texts(name, list, keep)
  check.table("csv", name, list)
  local c_list = core.array("const char *[?]", math.max(#list, 1))
  for i, text in ipairs(list) do
    c_list[i - 1] = check.text("csv", ("value %d of %s"):format(i, name), text)
  end
  keep[#keep + 1], keep[#keep + 2] = c_list, list
  return c_list, #list
end

-- What a column is: the name of a kind, or a list of categories.
local function fill_rule(rule, key, kind, keep)
  if type(key) == "number" then
    rule.position = check.count("csv", "a column's position", key, 1) - 1
  else
    rule.name = check.text("csv", "a column's name", key)
  end
  if type(kind) == "table" then
    rule.kind = kinds.category
    rule.values, rule.n = texts(("types[%q]"):format(tostring(key)), kind,
                                keep)
  elseif kinds[kind] then
    rule.kind = kinds[kind]
  else
    check.fail("csv", "column %s is no '%s' (bool, category, number, skip, or "
               .. "a list of categories)", tostring(key), tostring(kind))
  end
end

local function rules(o, keep)
  local by_column = {}
  for key, kind in pairs(check.table("csv", "types", o.types or {})) do
    by_column[key] = kind
  end
  if o.label ~= nil and by_column[o.label] == nil then
    by_column[o.label] = "category"
  end
  local n = 0
  for _ in pairs(by_column) do n = n + 1 end
  local list, i = core.array("moon_csv_rule[?]", math.max(n, 1)), 0
  for key, kind in pairs(by_column) do
    fill_rule(list[i], key, kind, keep)
    list[i].label = key == o.label and 1 or 0
    i = i + 1
  end
  keep[#keep + 1] = list
  return list, n
end

local function params_of(o, keep)
  local p = ffi.new "moon_csv_params"
  check.text("csv", "separator", o.separator)
  if #o.separator ~= 1 then
    check.fail("csv", "the separator is one character, not '%s'", o.separator)
  end
  p.separator = o.separator:byte()
  p.header = -1
  if o.header ~= nil then
    p.header = check.boolean("csv", "header", o.header) and 1 or 0
  end
  p.dtype = check.dtype("csv", o.dtype)
  if type(o.missing) == "number" then
    p.missing, p.fill = tonumber(C.MOON_CSV_FILL), o.missing
  elseif missing[o.missing] then
    p.missing = missing[o.missing]
  else
    check.fail("csv", 'missing is "error", "nan", "drop" or a number, not %s',
               tostring(o.missing))
  end
  p.rule, p.n_rules = rules(o, keep)
  p.empty, p.n_empty = texts("empty", o.empty, keep)
  return p
end

local function categories_of(job, i)
  local list = {}
  repeat
    local text = C.moon_csv_category(job, i, #list)
    if text ~= nil then list[#list + 1] = ffi.string(text) end
  until text == nil
  return #list > 0 and list or nil
end

-- Names of x's columns (nil without a header), and the categories of each, by
-- name or, without names, by its position in the file.
local function describe(job, n)
  local columns, categories = nil, {}
  for i = 0, n - 1 do
    local text = C.moon_csv_column(job, i)
    local name = text ~= nil and ffi.string(text) or nil
    if name then
      columns = columns or {}
      columns[i + 1] = name
    end
    local key = name or C.moon_csv_position(job, i) + 1
    categories[key] = categories_of(job, i)
  end
  return columns, categories
end

--- moon.data.csv{ path, label = column, types = {}, missing = "error",
--- header = nil, separator = ",", dtype = "f32", empty = { "", "NA", ... } }:
--- a data set with x [N, columns]; with a label column also y [N].
---
--- A column is called by its name, or by its position from 1. Columns are
--- numbers unless types says otherwise: "bool" (true, yes, 1, ...), "category"
--- (numbered from 0 as the texts come), a list of texts (a category that is one
--- of these), "skip". The label is a category, i64: whole numbers are their own
--- classes; "number" makes y one. missing says what becomes of empty cells:
--- "error", "nan", "drop" (the row) or a number. header: whether the first row
--- names the columns; found out unless given.
---
--- The data set has `columns`, the names of x's columns, `categories`, the
--- texts of each by name or position, which another file can be read with
--- (types = train.categories), and `classes`, those of the label. Fields in
--- double quotes may hold separators, lines and doubled quotes. An error names
--- the line.
---@param options table
---@return userdata dataset
return function(options)
  local o = check.options("csv", options, { "path" }, known)
  local keep = {}
  local params = params_of(o, keep)
  local tensors, job = file.read_csv(check.text("csv", "path", o.path), params,
                                     keep)
  local x = tensors.x
  local columns, categories = describe(job, x:size(2))
  return dataset.of(x, tensors.y, {
    columns = columns, categories = categories,
    classes = categories_of(job, -1), origin = { "csv", o },
  })
end
