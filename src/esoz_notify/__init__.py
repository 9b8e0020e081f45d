"""ESOZ Notify: tells patients of Ukraine's electronic health system their codes and numbers on what reaches them."""

__version__ = "0.1.0"
