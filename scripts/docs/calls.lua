--- Every operation that users can name, as a call on inputs of one dtype; and
--- what they can name besides.
---
--- A call is a function of t, whose fields are inputs, made when first asked
--- for (inputs.lua): those that are floats want gradients. What it returns
--- first is what a gradient flows back from. Names are those of tensors and of
--- moon, or have their part in front; what is in brackets tells calls apart.
local moon = require "moonseed"
local nn, augment = moon.nn, moon.data.augment

local M = {}

-- Methods that are called on a matrix alone.
local function on_matrix(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls[name] = function(t) return t.m[name](t.m) end
  end
  return calls
end

-- On two matrices of one shape.
local function on_two(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls[name] = function(t) return t.m[name](t.m, t.n) end
  end
  return calls
end

-- Over rows, over columns and over all.
local function reductions(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls[name] = function(t)
      local f = t.m[name]
      f(t.m, 2)
      f(t.m, 1)
      return f(t.m)
    end
  end
  return calls
end

-- Of a shape alone.
local function creators(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls[name] = function(t) return moon[name](8, 16, { dtype = t.dtype }) end
  end
  return calls
end

local function both(a, b)
  for name, fn in pairs(b) do a[name] = fn end
  return a
end

-- Between a tensor and another, and a number.
local arithmetic = {}
for name in ("add sub mul div"):gmatch "%S+" do
  arithmetic[name] = function(t)
    return t.m[name](t.m[name](t.m, t.n), 2)
  end
end
function arithmetic.pow(t) return (t.m ^ t.n) ^ 1.5 end

local function steps(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls["optim." .. name] = function(t) t.optimiser[name]:step() end
  end
  return calls
end

local function losses(names)
  local calls = {}
  for name in names:gmatch "%S+" do
    calls["nn." .. name] = function(t) return nn[name](t.m, t.shares) end
  end
  return calls
end

--- Topics in the order of the table: a title and calls by name.
M.topics = {
  { "Arithmetic", both(arithmetic, on_matrix "neg") },
  { "Comparison, choice", both(on_two [[eq ne lt le gt ge minimum maximum
      logical_and logical_or logical_xor]], both(on_matrix "logical_not", {
    where = function(t) return moon.where(t.mask, t.m, t.n) end,
    masked_fill = function(t) return t.m:masked_fill(t.mask, 1) end,
  })) },
  { "Functions", both(on_matrix [[abs sign floor ceil round exp log sqrt sin cos
      erf relu sigmoid tanh silu leaky_relu elu softplus isnan isinf
      isfinite]], {
    clamp = function(t) return t.m:clamp(2, 5) end,
    gelu = function(t)
      return t.m:gelu{ approximate = "tanh" } + t.m:gelu()
    end,
  }) },
  { "Reductions", both(reductions [[sum mean norm var std prod max min argmax
      argmin any all logsumexp]], {
    cumsum = function(t) return t.m:cumsum(1) + t.m:cumsum(2) end,
    softmax = function(t) return t.m:softmax(2) end,
    log_softmax = function(t) return t.m:log_softmax(2) end,
    statistics = function(t) return t.m:statistics() end,
  }) },
  { "Products", {
    matmul = function(t) return t.m:matmul(t.n:t()) end,
    bmm = function(t) return t.batch:bmm(t.batch:transpose(2, 3)) end,
    linear = function(t) return moon.linear(t.m, t.n, t.bias) end,
    attention = function(t)
      return moon.attention(t.heads, t.heads, t.heads, { causal = true })
    end,
  } },
  { "Convolution, pooling", {
    conv2d_add = function(t)
      return moon.conv2d_add(t.x, t.w, t.channels, t.x, { padding = 1 })
    end,
    conv2d = function(t)
      return moon.conv2d(t.x, t.w, t.channels, { padding = 1 })
    end,
    conv_transpose2d = function(t)
      return moon.conv_transpose2d(t.x, t.w, t.channels, { stride = 2 })
    end,
    max_pool2d = function(t) return t.x:max_pool2d(2) end,
    avg_pool2d = function(t) return t.x:avg_pool2d(2) end,
    adaptive_avg_pool2d = function(t) return t.x:adaptive_avg_pool2d(3) end,
    adaptive_max_pool2d = function(t) return t.x:adaptive_max_pool2d(3) end,
    global_avg_pool2d = function(t) return t.x:global_avg_pool2d() end,
    unfold = function(t) return t.x:unfold{ 3, padding = 1 } end,
    fold = function(t) return t.columns:fold{ 8, 3, padding = 1 } end,
  } },
  { "Norms, dropout", {
    batch_norm = function(t)
      return moon.batch_norm(t.x, {
        weight = t.channels, bias = t.channels, mean = t.mean, var = t.var,
        training = true,
      })
    end,
    group_norm = function(t) return t.x:group_norm(4, t.channels, t.channels)
    end,
    instance_norm = function(t)
      return t.x:instance_norm(t.channels, t.channels)
    end,
    layer_norm = function(t) return t.m:layer_norm(48, t.row, t.row) end,
    dropout = function(t) return t.m:dropout(0.5) end,
    blend = function(t) return t.x:blend(t.x, t.alpha) end,
  } },
  { "Losses", both(losses "mse l1 huber smooth_l1 bce_with_logits kl_div", {
    cross_entropy = function(t)
      return moon.cross_entropy(t.m, t.labels, { label_smoothing = 0.1 })
    end,
    nll = function(t) return moon.nll(t.m, t.labels) end,
  }) },
  { "Picking by index", {
    index_select = function(t) return t.m:index_select(1, t.labels) end,
    gather = function(t) return t.m:gather(2, t.places) end,
    scatter_add = function(t) return t.m:scatter_add(2, t.places, t.n) end,
    embedding = function(t) return moon.embedding(t.places, t.table) end,
    one_hot = function(t)
      return moon.one_hot(t.labels, 48, { dtype = t.dtype })
    end,
    sort = function(t) return (t.m:sort(2)) end,
    argsort = function(t) return t.m:argsort(2) end,
    topk = function(t) return (t.m:topk(3, 2)) end,
  } },
  { "Other places", both(on_matrix "tril triu", {
    cat = function(t) return moon.cat({ t.m, t.n }, 2) end,
    stack = function(t) return moon.stack{ t.m, t.n } end,
    flip = function(t) return t.m:flip(2) end,
    roll = function(t) return t.m:roll(1, 2) end,
    tile = function(t) return t.m:tile(2, 3) end,
    pad = function(t)
      return t.m:pad({ { 1, 1 } }, { mode = "reflect" })
        :pad{ { 0, 1 }, { 2, 1 } }
    end,
  }) },
  { "Views", both(on_matrix "t flatten squeeze shield detach", {
    view = function(t) return t.m:view(48, 32) end,
    reshape = function(t) return t.m:reshape(48, 32) end,
    expand = function(t) return t.m:expand(3, 32, 48) end,
    permute = function(t) return t.x:permute(2, 1, 3, 4) end,
    transpose = function(t) return t.m:transpose(1, 2) end,
    unsqueeze = function(t) return t.m:unsqueeze(1) end,
    narrow = function(t) return t.m:narrow(1, 2, 3) end,
    select = function(t) return t.m:select(1, 2) end,
    split = function(t) return t.m:split(8)[1] end,
    chunk = function(t) return t.m:chunk(4)[1] end,
    unbind = function(t) return t.m:unbind()[1] end,
  }) },
  { "Making, copies, casts", both(creators "zeros ones rand randn empty", {
    full = function(t) return moon.full({ 8, 16 }, 1, { dtype = t.dtype }) end,
    arange = function(t) return moon.arange(9, { dtype = t.dtype }) end,
    randint = function(t)
      return moon.randint(0, 2, 8, { dtype = t.dtype })
    end,
    randperm = function(t) return moon.randperm(9), t.only "i64" end,
    multinomial = function(t) return moon.multinomial(t.weights, 9) end,
    tensor = function(t)
      return moon.tensor({ 1, 0 }, { dtype = t.dtype })
    end,
    clone = function(t) return t.m:clone() end,
    contiguous = function(t) return t.x:contiguous() end,
    ["to (f32)"] = function(t) return t.m:to "f32" end,
    ["to (bf16)"] = function(t) return t.m:to "bf16" end,
    ["to (i64)"] = function(t) return t.m:to "i64" end,
    copy_ = function(t) return t.m:clone():copy_(t.n) end,
    fill_ = function(t) return t.m:clone():fill_(1) end,
    add_ = function(t) return t.m:clone():add_(t.n, 1) end,
  }) },
  { "Augmentation", {
    ["data.augment.affine"] = function(t)
      return augment.affine(t.images, { rotate = 10 })
    end,
    ["data.augment.jitter"] = function(t)
      return augment.jitter(t.images, { brightness = 0.2, hue = 0.1 })
    end,
    ["data.augment.cutout"] = function(t)
      return augment.cutout(t.images, { 3 })
    end,
    ["data.augment.mixup"] = function(t)
      return (augment.mixup(t.images, nil, { 0.2 }))
    end,
    ["data.augment.normalise"] = function(t)
      return augment.normalise(t.images, { mean = { 0, 0, 0 },
                                           std = { 1, 1, 1 } })
    end,
    ["data.augment.flip"] = function(t) return augment.flip(t.images) end,
    ["data.augment.crop"] = function(t) return augment.crop(t.images, 2) end,
  } },
  { "Steps of optimisers", steps "SGD Adam AdamW RMSprop Lion Muon" },
}

--- What is public and no operation, by the reason.
M.others = {
  ["tells of a tensor, or sets what is told"] = [[shape size ndim numel dtype
    device id is_ready is_tensor requires_grad split_regions wrap]],
  ["waits, to read or to show"] = [[await item totable map print allclose
    grad_stats]],
  ["walks the graph, or says what it holds"] = [[backward grad_scope no_grad
    recompute op autocast capture]],
  ["says when memory goes"] = "keep dispose tidy set_memory_limit",
  ["of tasks and streams"] = [[sleep moon.gather timeout main spawn yield
    synchronize on stream streams]],
  ["reads or writes a file"] = "save load",
  ["sets or tells a state"] = [[moon.device set_device manual_seed
    stats set_precision precision threads set_threads debug set_printoptions
    reload]],
  ["options, as the core takes them"] = [[conv2d_params max_pool2d_params
    avg_pool2d_params conv_transpose2d_params]],
  ["copies a module"] = "nn.copy",
  ["about optimisers"] = "optim.EMA optim.rebuild",
}

--- Kernels that a call may leave to ref, because so few elements are theirs.
M.small = { running = "two numbers a channel", arange = "a number an image" }

--- Kernels that no call above runs, by the reason.
M.kernels = {
  ["of files and of batches read from them"] = [[save load fetch decode
    batch_images]],
  ["of the reports that a garden reads"] = "store",
}

return M
