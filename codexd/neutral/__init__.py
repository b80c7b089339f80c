"""The neutral data model: the turn a client requests, the events of the answer, and the folded reply.

The client dialects (`fronts`) and the model dialects (`backs`) exchange only these values. The
package imports nothing but the standard library and attrs.
"""
