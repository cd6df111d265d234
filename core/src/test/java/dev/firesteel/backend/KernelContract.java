package dev.firesteel.backend;

/** A part of {@link BackendContract}: what every backend must keep of one group of kernels. */
interface KernelContract {
  /** With the backend that is tested. */
  KernelCheck kernels();
}
