"""The built extension; its functions are called through ctypes."""
