-- What the sources cannot say: comments of functions that are made in loops,
-- operators, fields behind a getter, and types narrower than `table`.

local M = {}

--- Comments by name, in the language of `---@`; they take the place of those in
--- the source.
M.comments = {}
local comments = M.comments

local arithmetic = {
  add = "t + other", sub = "t - other", mul = "t * other, element by element",
  div = "t / other", pow = "t ^ other",
}
for name, text in pairs(arithmetic) do
  comments["Tensor:" .. name] = text .. [[; shapes broadcast, dtypes are the
same.
@param other Tensor|number
@return Tensor]]
end
comments["Tensor:neg"] = "-t.\n@return Tensor"

local comparisons = { eq = "==", ne = "~=", lt = "<", le = "<=", gt = ">",
                      ge = ">=" }
for name, sign in pairs(comparisons) do
  comments["Tensor:" .. name] = ("Whether t %s other, element by element.")
    :format(sign) .. [[

@param other Tensor|number|boolean
@return Tensor  bool, of the shape that both broadcast to]]
end

local over = [[

@param over integer|table|nil  a dimension, or a list of them, which may hold
keepdim; all unless given
@param options table|nil  keepdim (false)
]]
local reductions = { sum = "The sum.", mean = "The mean.",
                     norm = "The Euclidean norm.",
                     var = "The unbiased variance.",
                     std = "The root of the unbiased variance.",
                     prod = "The product, of integers in i64.",
                     logsumexp = "The logarithm of the sum of e^t." }
for name, text in pairs(reductions) do
  comments["Tensor:" .. name] = text .. over .. "@return Tensor"
end
for name, text in pairs{ any = "Whether any element is",
                         all = "Whether all elements are" } do
  comments["Tensor:" .. name] = text .. " true, or not 0." .. over
    .. "@return Tensor  bool"
end
for name, text in pairs{ max = "The largest", min = "The smallest" } do
  comments["Tensor:" .. name] = text .. " values." .. over .. [[
@return Tensor  values
@return Tensor|nil  over one dimension: their places, i64, from 0]]
  comments["Tensor:arg" .. name] = "Places of the first "
    .. text:match "%l+$" .. [[ along a dimension, along
those of a list as if they were one (the last named runs fastest), or among all;
i64, from 0.]] .. over .. "@return Tensor"
end

comments["Tensor:dtype"] = [[The type of the elements.
@return string  f32, f64, i64, i32, u8, bool, bf16 or f16]]
comments["Tensor:device"] = [[Where the memory is.
@return string  cpu, cuda:0]]
comments["Tensor:ndim"] = "How many dimensions there are.\n@return integer"
comments["Module:eval"] = "Evaluation behaviour, here and below.\n"
  .. "@return Module self"
comments["Module:forward"] = [[What calling the module does; yours to define.
@param ... any
@return any ...]]
comments["OpContext:saved"] = "What forward saved.\n@return Tensor ..."
comments["Dataset:batches"] = [[batches{ size, shuffle = false, weights = nil,
samples = nil, flip = false, crop = 0, affine = nil, jitter = nil, normalise =
nil, cutout = nil, mixup = nil, drop_last = false, rng_seed = nil, epoch = nil,
ahead = 2 }
The batches of one epoch, assembled ahead of time on a stream of their own: an
iterator over x and y.

weights: a list or tensor, how often each example is drawn, with replacement, or
"balanced", each class as often as the others; samples: how many are drawn, as
many as there are unless given. flip: mirror each image with probability 1/2;
crop: shift each image by up to so many pixels; then, in this order, what
moon.data.augment does with these options: affine { rotate, shear, scale,
translate, fill }, jitter { brightness, contrast, saturation, hue }, normalise
{ mean, std }, cutout a size or { size, fill }, mixup alpha or { alpha,
classes }. drop_last: leave out a last batch that is not full; ahead: batches
under way beyond the one handed out. Each call is a new epoch, in another order:
the task's generator says in which; with rng_seed, that number and how many
epochs of this data set used it before, or `epoch`, from 1. How an image is
varied is told by the epoch and its place in it alone (with which it is mixed,
by the batch).
@param options table
@return fun(): userdata?, userdata?]]
comments["Stream:id"] = "The core's number of it.\n@return integer"
comments["Slot:stage"] = [[The stage of a seed, the first unless given.
@param index integer|nil
@return string]]
comments["Slot:alpha"] = [[The share of a seed in the blend.
@param index integer|nil
@return number]]
comments["Slot:history"] = [[Every transition of a seed; see Seed:history.
@param index integer|nil
@return table[]
]]
comments["Garden:slot"] = "The slot of a name; an unknown one is an error.\n"
  .. "@param name string\n@return Slot"
comments["Seed:stage"] = "The stage, DORMANT without a garden.\n@return string"
comments["Seed:errors"] = "How many of its ops have failed.\n@return integer"
comments["Schedule:copy"] = "Another one at the same place.\n"
  .. "@return Schedule"
comments["Schedule:alpha"] = "Alpha now.\n@return number"
comments["Schedule:direction"] = 'Where alpha goes.\n@return string  "up", '
  .. '"down" or "hold"'
comments["moon.wrap"] = [[For bindings: a handle that owns the reference `p`, in
the current moon.tidy scope.
@param p userdata  moon_tensor *
@return Tensor]]
comments["moon.is_tensor"] = "Whether `value` is a tensor.\n@param value any\n"
  .. "@return boolean"
comments["seed.blueprint"] = [[Adds a blueprint; a later one of the same name
takes its place, for seeds planted from then on.
@param name string  a word
@param definition table  build: function(shape, options) that returns a module]]

--- Files of moon's own functions, in the order of the page, under titles; what
--- other files have comes last, under their own first sentence.
M.topics = {
  { "create", "Making tensors" }, { "tensor", "Facts about a tensor" },
  { "ops", "Arithmetic, comparisons, products, casts, copies" },
  { "functions", "Functions of one tensor" },
  { "choose", "Conditions, and what picks by them" },
  { "reduce", "Reductions" }, { "views", "Views and picking" },
  { "read", "Reading values" }, { "map", "Reading values" },
  { "neural", "What layers are made of" }, { "loss", "Losses" },
  { "grad", "Gradients" }, { "recompute", "Gradients" },
  { "user_op", "Gradients" }, { "capture", "Captured functions" },
  { "verbs", "Tasks" }, { "task", "Tasks" },
  { "loop", "Tasks" }, { "stream", "Streams" }, { "tidy", "Memory" },
  { "file", "Files" }, { "context", "Device, random numbers, graph" },
  { "autocast", "Device, random numbers, graph" },
  { "runtime", "The runtime" }, { "debug", "The runtime" },
  { "print", "The runtime" },
}

--- Fields that are computed, by class.
M.fields = {
  Tensor = {
    { name = "grad", type = "Tensor|nil", text = "the gradient, or nil before "
      .. "any backward; assigning nil clears it" },
    { name = "needs_grad", type = "boolean", text = "whether a backward would "
      .. "compute something for this tensor" },
    { name = "[integer]", type = "Tensor", text = "the row at a position, a "
      .. "view; assigning a number or a tensor fills it" },
  },
  Module = {
    { name = "training", type = "boolean", text = "training or evaluation "
      .. "behaviour" },
    { name = "[string|integer]", type = "any", text = "children, parameters, "
      .. "buffers and plain fields" },
  },
  Dataset = {
    { name = "x", type = "Tensor", text = "all examples, made anew at each "
      .. "access" },
    { name = "y", type = "Tensor|nil", text = "their targets" },
    { name = "n", type = "integer", text = "how many, also `#dataset`" },
    { name = "labelled", type = "boolean", text = "whether there are targets" },
    { name = "classes", type = "string[]|nil", text = "names of the labels" },
    { name = "columns", type = "string[]|nil", text = "names of x's columns, "
      .. "of a table as text" },
    { name = "categories", type = "table<string, string[]>|nil",
      text = "the texts that a column's numbers stand for, by its name" },
  },
  Run = {
    { name = "name", type = "string", text = "\"first\" of runs/first" },
    { name = "state", type = "string", text = "running, paused, done, failed "
      .. "or cancelled" },
    { name = "metrics", type = "table<string, number>", text = "readable at "
      .. "any time" },
    { name = "series", type = "table<string, table>", text = "curves by name: "
      .. "{ steps = {}, values = {} }" },
  },
  Slot = { { name = "name", type = "string", text = "in the model" } },
}

--- Classes that only functions of a user's own are given.
M.given = { "OpContext" }

--- Operators as LuaLS writes them, by class.
M.operators = {
  Tensor = { "add(Tensor|number): Tensor", "sub(Tensor|number): Tensor",
             "mul(Tensor|number): Tensor", "div(Tensor|number): Tensor",
             "pow(Tensor|number): Tensor", "unm: Tensor", "len: integer" },
  Module = { "call(any): Tensor" },
  Dataset = { "len: integer" },
}

--- Types by function and parameter (or "return").
M.types = {
  ["Module:extend"] = { ["return"] = "Module" },
  ["Module:modules"] = { ["return"] = "fun(): string?, Module?" },
  ["Module:children"] = { ["return"] = "fun(): string?, Module?" },
  ["nn.copy"] = { ["return"] = "Module" },
  ["Dataset:split"] = { ["return"] = "Dataset" },
  ["Dataset:concat"] = { ["..."] = "Dataset" },
  ["seed.evaluate.accuracy"] = { data = "Dataset" },
  ["seed.gates.measured"] = { seed = "Seed" },
  ["seed.lanes.of"] = { slots = "Slot[]", ["return"] = "table" },
  ["Schedule.new"] = { ["return"] = "Schedule" },
  ["Schedule.hold"] = { ["return"] = "Schedule" },
  ["Garden:slots"] = { ["return"] = "table<string, Slot>" },
  ["Garden:seeds"] = { ["return"] = "Seed[]" },
  ["Slot:seeds"] = { ["return"] = "Seed[]" },
  ["Slot:seed"] = { ["return"] = "Seed" },
  ["moon.conv2d"] = { options = "table|nil" },
  ["Tensor:max_pool2d"] = { options = "table|integer" },
  ["moon.op"] = { ["return"] = "fun(...): Tensor" },
  ["seed.explore"] = { ["return"] = "Task" },
}

--- What one file of Moonseed calls on an object of another, and no user: it has
--- comments in the source, and no entry.
M.internal = {}
for class, names in pairs{
  Task = "describe abandon join",
  Module = "generation", Sequential = "plan run", Conv2d = "forward_relu",
  Linear = "forward_relu",
  Garden = "incubation_of note remember", Slot = "plan_forward copied",
  Seed = "new copy join move plant enter_model set_apart uproot set_alpha "
    .. "alpha_on_device notice_failure fail apart forward blend need_garden",
  Optimiser = "submit adopt_groups", ["optim.schedule"] = "of drive",
  ["train.fit"] = "prepare start", ["data.augment"] = "steps",
  ["train.runs"] = "add",
  Run = "rest tell",
} do
  for name in names:gmatch "%S+" do M.internal[class .. "." .. name] = true end
end

return M
