"""`zmq.devices`: proxies in the background, in a thread or a process."""

from __future__ import annotations

from aiomq.compat.zmq.devices.basedevice import Device, ProcessDevice, ThreadDevice
from aiomq.compat.zmq.devices.monitoredqueue import monitored_queue
from aiomq.compat.zmq.devices.monitoredqueuedevice import MonitoredQueue, ProcessMonitoredQueue, ThreadMonitoredQueue
from aiomq.compat.zmq.devices.proxydevice import ProcessProxy, Proxy, ThreadProxy
from aiomq.compat.zmq.devices.proxysteerabledevice import ProcessProxySteerable, ProxySteerable, ThreadProxySteerable

__all__ = [
    "Device",
    "MonitoredQueue",
    "ProcessDevice",
    "ProcessMonitoredQueue",
    "ProcessProxy",
    "ProcessProxySteerable",
    "Proxy",
    "ProxySteerable",
    "ThreadDevice",
    "ThreadMonitoredQueue",
    "ThreadProxy",
    "ThreadProxySteerable",
    "monitored_queue",
]
