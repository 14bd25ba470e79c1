"""One thread for every test: the data is tiny, and results must not depend on the machine."""

import torch

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
