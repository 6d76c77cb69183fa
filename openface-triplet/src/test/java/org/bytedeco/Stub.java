package org.bytedeco;

/** Stands for a native library where a class breaks a rule of the architecture on purpose. */
public final class Stub {
    private Stub() {}
}
