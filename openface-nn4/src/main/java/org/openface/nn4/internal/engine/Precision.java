package org.openface.nn4.internal.engine;

/** What a training's activations and convolutions are computed in. */
public enum Precision {
    /** Single precision: 24 bits of significand. */
    FLOAT32,
    /** The upper half of single precision: 8 bits of significand. */
    BFLOAT16
}
