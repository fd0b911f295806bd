"""Why a request gets no allocation candidates: the request, what supplies it, what stops whom, what survives."""
