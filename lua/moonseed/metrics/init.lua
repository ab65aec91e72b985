--- `moon.metrics`: how good a model is, added up on the device and read once;
--- each from its own file when first asked for.
local file = {
  Metric = "metric", Accuracy = "accuracy", TopK = "top_k", Mean = "mean",
  Confusion = "confusion", Precision = "precision", Recall = "recall",
  F1 = "f1", AUC = "auc", CalibrationError = "calibration_error",
  rebuild = "rebuild",
}

return setmetatable({}, {
  __index = function(metrics, name)
    if not file[name] then return nil end
    local value = require("moonseed.metrics." .. file[name])
    metrics[name] = value
    return value
  end,
})
