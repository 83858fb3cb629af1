"""Makes the sample and label files of these cases, in numpy's format."""
import numpy as np

x = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 8
np.save("good.npy", x)
np.save("wrong-shape.npy", x.reshape(2, 2, 3, 2))
bad = x.copy()
bad[1, 2, 0, 1] = np.nan
np.save("nan.npy", bad)
np.save("labels-float.npy", np.array([0, 1], np.float32))
np.save("labels-few.npy", np.array([1], np.int64))
np.save("labels-onehot.npy", np.array([[0, 1], [1, 0]], np.int64))
np.save("labels-range.npy", np.array([0, 2], np.int64))
np.save("labels-negative.npy", np.array([-1, 1], np.int64))
