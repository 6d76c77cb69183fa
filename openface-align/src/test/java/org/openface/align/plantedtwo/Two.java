package org.openface.align.plantedtwo;

import org.openface.align.plantedone.One;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface Two {
    /** The other half. */
    One one();
}
