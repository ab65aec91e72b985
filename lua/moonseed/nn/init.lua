--- `moon.nn`: layers, each read from its own file when first asked for. None
--- keeps what it is given or gives, beyond the graph: temporary.lua counts on
--- it.
local file = {
  Module = "module", Sequential = "sequential", Conv2d = "conv2d",
  BatchNorm2d = "batch_norm2d", Linear = "linear", ReLU = "relu",
  MaxPool2d = "max_pool2d", GlobalAvgPool2d = "global_avg_pool2d",
  Dropout = "dropout", Flatten = "flatten", GroupNorm = "group_norm",
  Sigmoid = "sigmoid", Tanh = "tanh", SiLU = "silu", GELU = "gelu",
  LeakyReLU = "leaky_relu", ELU = "elu", Softplus = "softplus",
  Softmax = "softmax", LogSoftmax = "log_softmax",
  AvgPool2d = "avg_pool2d", AdaptiveAvgPool2d = "adaptive_avg_pool2d",
  AdaptiveMaxPool2d = "adaptive_max_pool2d",
  ConvTranspose2d = "conv_transpose2d", LayerNorm = "layer_norm",
  InstanceNorm2d = "instance_norm2d",
  Embedding = "embedding", MultiheadAttention = "multihead_attention",
  Identity = "identity", Residual = "residual",
  SqueezeExcite = "squeeze_excite", DropPath = "drop_path",
  WeightNorm = "weight_norm", PatchEmbedding = "patch_embedding", Mean = "mean",
  init = "initialise",
  cross_entropy = "cross_entropy", nll = "nll", mse = "mse", l1 = "l1",
  huber = "huber", smooth_l1 = "smooth_l1", kl_div = "kl_div",
  bce_with_logits = "bce_with_logits", copy = "copy",
  describe = "describe",
}

return setmetatable({}, {
  __index = function(nn, name)
    if not file[name] then return nil end
    local value = require("moonseed.nn." .. file[name])
    nn[name] = value
    return value
  end,
})
