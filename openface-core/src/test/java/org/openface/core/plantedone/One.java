package org.openface.core.plantedone;

import org.openface.core.plantedtwo.Two;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface One {
    /** The other half. */
    Two two();
}
