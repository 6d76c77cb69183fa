package org.openface.align;

/** Stands for another module where a class breaks a rule of the architecture on purpose. */
public final class Stub {
    private Stub() {}
}
