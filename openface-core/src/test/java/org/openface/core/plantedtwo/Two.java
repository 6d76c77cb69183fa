package org.openface.core.plantedtwo;

import org.openface.core.plantedone.One;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface Two {
    /** The other half. */
    One one();
}
