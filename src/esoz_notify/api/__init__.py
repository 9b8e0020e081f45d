"""Answers programs over HTTP: routes, access, problem documents, the published contract; holds no business rules."""
