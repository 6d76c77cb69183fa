package org.nd4j;

/** Stands for an engine where a class breaks a rule of the architecture on purpose. */
public final class Stub {
    private Stub() {}
}
