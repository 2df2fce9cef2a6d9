;; The smallest module: no exports.
(module)
