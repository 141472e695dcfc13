# spack repo add cluster/packaging/spack && spack install medley
from spack.package import *


class Medley(CMakePackage):
    """Ablation sweeps of multi-encoder fusion models for blended emotion recognition, on a laptop or a cluster."""

    homepage = "https://example.org/medley"
    git = "https://example.org/medley.git"

    license("MIT")

    version("0.2.0", tag="v0.2.0")

    variant("worker", default=True, description="medley-worker, which trains with LibTorch and MPI")
    variant("cuda", default=False, when="+worker", description="kernels for NVIDIA GPUs, and NCCL")
    variant("page", default=True, description="the dashboard's page, whose parts npm fetches")

    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("node-js@18:", type="build", when="+page")
    depends_on("npm", type="build", when="+page")

    depends_on("boost@1.74:")
    depends_on("cli11@2:")
    depends_on("cpp-httplib@0.11:0.18")
    depends_on("fmt@9:")
    depends_on("libdeflate")
    depends_on("libzip")
    depends_on("nlohmann-json@3.11:")
    depends_on("openssl@3:")
    depends_on("spdlog@1.10:")
    depends_on("sqlite@3.40:")
    depends_on("utf8proc")
    depends_on("yaml-cpp@0.7:")
    with when("+worker"):
        depends_on("mpi")
        depends_on("blas")
        depends_on("py-torch@1.13:2")
        depends_on("py-torch+cuda", when="+cuda")
        depends_on("nccl", when="+cuda")

    generator("ninja")

    def cmake_args(self):
        args = [
            self.define("MEDLEY_TESTS", False),
            self.define_from_variant("MEDLEY_TRAINER", "worker"),
            self.define_from_variant("MEDLEY_WEB", "page"),
        ]
        if "+worker" in self.spec:
            args.append(self.define_from_variant("MEDLEY_CUDA", "cuda"))
            python = self.spec["py-torch"].prefix.lib
            args.append(self.define("CMAKE_PREFIX_PATH", find(python, "TorchConfig.cmake")[0].rsplit("/", 3)[0]))
        return args
