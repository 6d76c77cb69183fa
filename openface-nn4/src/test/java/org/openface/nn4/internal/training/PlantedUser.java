package org.openface.nn4.internal.training;

import org.openface.nn4.Planted;

/** Knows a class of another package that knows it. */
public interface PlantedUser {
    Planted.KnowsItsUser planted();
}
