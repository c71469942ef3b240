# Two tables of classes as meta.mat of ILSVRC's development kits has them, by SciPy (Debian's python3-scipy): two leaves with small numbers,
# one with a larger one, and a synset above them.
import os

import numpy
from scipy.io import savemat

rows = [
    (1, "n02119789", "kit fox, Vulpes macrotis", 0),
    (2, "n02100735", "English setter", 0),
    (300, "n01440764", "tench, Tinca tinca", 0),
    (1001, "n02118333", "fox", 9),
]
kinds = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "num_children")]
synsets = numpy.array([(float(i), w, t, float(n)) for i, w, t, n in rows], dtype=kinds).reshape(-1, 1)
here = os.path.dirname(__file__)
savemat(os.path.join(here, "meta.mat"), {"synsets": synsets})
savemat(os.path.join(here, "meta_compressed.mat"), {"synsets": synsets}, do_compression=True)
