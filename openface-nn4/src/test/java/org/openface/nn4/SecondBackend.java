package org.openface.nn4;

import java.lang.reflect.Proxy;
import org.nd4j.common.io.Resource;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4jBackend;

/** Stands for the backend of a GPU on the class path; never started. */
@SuppressWarnings("rawtypes") // as ND4J declares it
public final class SecondBackend extends Nd4jBackend {
    @Override
    public boolean allowsOrder() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int getPriority() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isAvailable() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean canRun() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Resource getConfigurationResource() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Class getNDArrayClass() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Environment getEnvironment() {
        return (Environment) Proxy.newProxyInstance(
                Environment.class.getClassLoader(), new Class<?>[] {Environment.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("isCPU")) {
                        return false;
                    }
                    throw new UnsupportedOperationException();
                });
    }

    @Override
    public String buildInfo() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void logBackendInit() {
        throw new UnsupportedOperationException();
    }
}
