--- Mean cross-entropy: logits [N, C], labels i64 [N] from 0 -> a scalar.
return require("moonseed.neural").cross_entropy
