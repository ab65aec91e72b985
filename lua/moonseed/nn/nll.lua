--- Negative log-likelihood: logarithms [N, C], labels i64 [N] -> a scalar.
return require("moonseed.loss").nll
