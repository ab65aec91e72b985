--- Cross-entropy: logits [N, C], labels i64 [N] from 0 -> a scalar.
return require("moonseed.loss").cross_entropy
