package org.openface.align.plantedone;

import org.openface.align.plantedtwo.Two;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface One {
    /** The other half. */
    Two two();
}
